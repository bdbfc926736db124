//! What a browser keeps, what pages are told of the world, and what they tell of themselves.

use super::*;

const TELLS: &str = r#"<!doctype html><title>Tells</title><p id=out>-</p><script>
console.log('hello', 1, {a: 1}); console.error('bad'); setTimeout(() => { throw new TypeError('broken'); });
async function get(path) { try { return await (await fetch(path)).text(); } catch (e) { return 'failed'; } }</script>"#;

fn tells(path: &str) -> Option<String> {
    match path {
        "/" => Some(TELLS.into()),
        "/api?q=1" => Some("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-kind: api\r\ncontent-length: 11\r\nconnection: close\r\n\r\n{\"a\": \"one\"}".into()),
        "/secret" => Some("HTTP/1.1 401 Unauthorized\r\nwww-authenticate: Basic realm=\"x\"\r\ncontent-length: 2\r\nconnection: close\r\n\r\nno".into()),
        _ => None,
    }
}

async fn evaluate(peer: &mut Peer, function: &str) -> Value {
    post(peer, "/act", json!({"kind": "evaluate", "fn": function})).await["result"].clone()
}

#[tokio::test]
async fn cookies_and_storage_are_read_set_and_cleared() {
    let (bench, site) = (Bench::new().await, Site::start("127.0.0.1", tells).await);
    bench
        .during_with(options(&bench, |_| {}), async {
            let mut peer = bench.gateway.welcome().await.0;
            post(&mut peer, "/tabs/open", json!({"url": format!("{}/", site.url)})).await;
            let cookie = |name: &str| json!({"name": name, "value": "v", "url": site.url});
            post(&mut peer, "/cookies/set", json!({"cookie": cookie("a")})).await;
            let many = json!({"cookies": [cookie("b"), {"name": "__Host-c", "value": "v", "url": site.url, "domain": "x"}]});
            assert_eq!(post(&mut peer, "/cookies/set-many", many).await["added"], 1);
            assert_eq!(evaluate(&mut peer, "() => document.cookie").await, "a=v; b=v");
            let all = get(&mut peer, "/cookies", json!({})).await;
            let names: Vec<&str> = all["cookies"].as_array().unwrap().iter().map(|c| c["name"].as_str().unwrap()).collect();
            assert_eq!(names, ["a", "b"], "{all}");
            for cookie in [json!({"name": "x", "value": "v"}), json!({"name": "x", "url": site.url}), json!(null)] {
                let body = json!({"cookie": cookie});
                assert_eq!(refused(&mut peer, "POST", "/cookies/set", json!({}), body).await.0, 400);
            }
            post(&mut peer, "/cookies/clear", json!({})).await;
            assert_eq!(get(&mut peer, "/cookies", json!({})).await["cookies"], json!([]));

            for kind in ["local", "session"] {
                for key in [" k ", "__proto__"] {
                    post(&mut peer, &format!("/storage/{kind}/set"), json!({"key": key, "value": "'\"\\"})).await;
                }
                let all = get(&mut peer, &format!("/storage/{kind}"), json!({})).await;
                assert_eq!(all["values"], json!({" k ": "'\"\\", "__proto__": "'\"\\"}), "{all}");
                let one = get(&mut peer, &format!("/storage/{kind}"), json!({"key": "k"})).await;
                assert_eq!(one["values"], json!({}), "another key");
                post(&mut peer, &format!("/storage/{kind}/clear"), json!({})).await;
                assert_eq!(get(&mut peer, &format!("/storage/{kind}"), json!({})).await["values"], json!({}));
            }
            assert_eq!(refused(&mut peer, "GET", "/storage/other", json!({}), json!({})).await.0, 400);
            let blank = json!({"key": " ", "value": "x"});
            assert_eq!(refused(&mut peer, "POST", "/storage/local/set", json!({}), blank).await.0, 400);
        })
        .await;
}

#[tokio::test]
async fn pages_are_told_of_the_world_what_was_set() {
    let (bench, site) = (Bench::new().await, Site::start("127.0.0.1", tells).await);
    bench
        .during_with(options(&bench, |_| {}), async {
            let mut peer = bench.gateway.welcome().await.0;
            post(&mut peer, "/tabs/open", json!({"url": format!("{}/", site.url)})).await;
            post(&mut peer, "/set/headers", json!({"headers": {"X-Test": "one"}})).await;
            post(&mut peer, "/set/credentials", json!({"username": "me", "password": "it"})).await;
            post(&mut peer, "/set/timezone", json!({"timezoneId": "Asia/Tokyo"})).await;
            post(&mut peer, "/set/locale", json!({"locale": "de-DE"})).await;
            post(&mut peer, "/set/locale", json!({"locale": "fr-FR"})).await;
            post(&mut peer, "/set/media", json!({"colorScheme": "dark"})).await;
            post(&mut peer, "/set/geolocation", json!({"latitude": 51.5, "longitude": -0.12})).await;
            for (function, gives) in [
                ("() => Intl.DateTimeFormat().resolvedOptions().timeZone", json!("Asia/Tokyo")),
                ("() => Intl.NumberFormat().resolvedOptions().locale", json!("fr-FR")),
                ("() => matchMedia('(prefers-color-scheme: dark)').matches", json!(true)),
                ("() => new Promise((ok, no) => navigator.geolocation.getCurrentPosition(p => ok(p.coords.longitude), e => ok(e.message)))", json!(-0.12)),
                ("() => get('/secret')", json!("no")),
            ] {
                assert_eq!(evaluate(&mut peer, function).await, gives, "{function}");
            }
            let heads = site.heads();
            let secret: Vec<&String> = heads.iter().filter(|head| head.starts_with("GET /secret")).collect();
            assert_eq!(secret.len(), 2, "asked who it is, it says so once: {heads:?}");
            assert!(secret[1].to_lowercase().contains("authorization: basic bwu6axq="), "{}", secret[1]);
            assert!(secret[0].to_lowercase().contains("x-test: one"), "{}", secret[0]);
            // What holds for all tabs holds for those to come.
            post(&mut peer, "/tabs/open", json!({"url": format!("{}/", site.url), "label": "next"})).await;
            let heads = site.heads();
            let last = heads.iter().rfind(|head| head.starts_with("GET / ")).unwrap();
            assert!(last.to_lowercase().contains("x-test: one"), "{last}");
            post(&mut peer, "/set/offline", json!({"offline": true})).await;
            assert_eq!(evaluate(&mut peer, "() => get('/')").await, "failed");
            post(&mut peer, "/set/offline", json!({"offline": false})).await;
            assert_ne!(evaluate(&mut peer, "() => get('/')").await, "failed");
            post(&mut peer, "/set/device", json!({"name": "iPhone 14"})).await;
            let phone = "() => [innerWidth, devicePixelRatio, navigator.userAgent.includes('iPhone'), navigator.maxTouchPoints > 0]";
            post(&mut peer, "/navigate", json!({"url": format!("{}/", site.url)})).await;
            assert_eq!(evaluate(&mut peer, phone).await[1], 3);
            assert_eq!(evaluate(&mut peer, phone).await[2], true);
            for (what, body) in [
                ("offline", json!({})),
                ("headers", json!({"headers": {"X": "a\r\nb"}})),
                ("headers", json!({"headers": {"": "a"}})),
                ("credentials", json!({})),
                ("geolocation", json!({"latitude": 91, "longitude": 0})),
                ("geolocation", json!({"latitude": 1})),
                ("media", json!({"colorScheme": "red"})),
                ("timezone", json!({"timezoneId": "Moon/Base"})),
                ("device", json!({"name": "Brick"})),
            ] {
                let path = format!("/set/{what}");
                assert_eq!(refused(&mut peer, "POST", &path, json!({}), body.clone()).await.0, 400, "{what} {body}");
            }
            let grant = json!({"origin": site.url, "permissions": ["notifications"], "optionalPermissions": ["noSuchThing"]});
            let granted = post(&mut peer, "/permissions/grant", grant).await;
            assert_eq!(granted["unsupportedPermissions"], json!(["noSuchThing"]), "{granted}");
        })
        .await;
}

#[tokio::test]
async fn what_pages_tell_of_themselves_is_kept_and_shown() {
    let (bench, site) = (Bench::new().await, Site::start("127.0.0.1", tells).await);
    bench
        .during_with(options(&bench, |_| {}), async {
            let mut peer = bench.gateway.welcome().await.0;
            post(&mut peer, "/tabs/open", json!({"url": format!("{}/", site.url)})).await;
            post(&mut peer, "/act", json!({"kind": "wait", "loadState": "networkidle"})).await;
            let console = get(&mut peer, "/console", json!({})).await;
            let first = &console["messages"][0];
            assert!(first["text"].as_str().unwrap().starts_with("hello 1 "), "{console}");
            assert_eq!(
                get(&mut peer, "/console", json!({"level": "error"})).await["messages"][0]["text"],
                "bad"
            );
            let errors = get(&mut peer, "/errors", json!({"clear": "true"})).await;
            assert_eq!(
                (&errors["errors"][0]["name"], &errors["errors"][0]["message"]),
                (&json!("TypeError"), &json!("broken"))
            );
            assert_eq!(get(&mut peer, "/errors", json!({})).await["errors"], json!([]));
            evaluate(&mut peer, "() => { setTimeout(() => get('/api?q=1'), 200); }").await;
            let got = post(&mut peer, "/response/body", json!({"url": "**/api?*", "maxChars": 6})).await;
            assert_eq!(
                (&got["response"]["body"], &got["response"]["truncated"]),
                (&json!("{\"a\": "), &json!(true)),
                "{got}"
            );
            assert_eq!(got["response"]["status"], 200);
            let requests = get(&mut peer, "/requests", json!({"filter": "api"})).await;
            assert_eq!(requests["requests"].as_array().unwrap().len(), 1, "{requests}");
            assert_eq!(requests["requests"][0]["status"], 200);
            let late = json!({"url": "/never", "timeoutMs": 500});
            assert_eq!(refused(&mut peer, "POST", "/response/body", json!({}), late).await.0, 504);
            let doctor = get(&mut peer, "/doctor", json!({})).await;
            assert!(doctor["ok"] == true && doctor["status"]["running"] == true, "{doctor}");
            let shot = get(&mut peer, "/snapshot", json!({})).await;
            assert!(shot["snapshot"].as_str().unwrap().contains('-'));
            // Tabs by their place, as the command line counts them.
            let made = post(&mut peer, "/tabs/action", json!({"action": "new", "label": "blank"})).await;
            assert_eq!(made["tab"]["label"], "blank", "{made}");
            let tabs = post(&mut peer, "/tabs/action", json!({"action": "list"})).await;
            let count = tabs["tabs"].as_array().unwrap().len();
            let label = json!({"action": "label", "targetId": "blank", "label": "empty"});
            assert_eq!(post(&mut peer, "/tabs/action", label).await["tab"]["suggestedTargetId"], "empty");
            post(&mut peer, "/tabs/action", json!({"action": "select", "index": 0})).await;
            post(&mut peer, "/tabs/action", json!({"action": "close", "index": count - 1})).await;
            for (body, status) in [
                (json!({"action": "close", "index": 99}), 404),
                (json!({"action": "select"}), 400),
                (json!({"action": "label", "targetId": "t1"}), 400),
                (json!({"action": "turn"}), 400),
            ] {
                assert_eq!(
                    refused(&mut peer, "POST", "/tabs/action", json!({}), body.clone()).await.0,
                    status,
                    "{body}"
                );
            }
        })
        .await;
}
