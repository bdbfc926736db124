//! More than one look at a page: names drawn over it, a frame of it, and what its browser does meanwhile.

use super::*;
use std::io::Read;

const INNER: &str = r#"<!doctype html><title>Inner</title><main><button onclick="out.textContent = 'pressed'">Press</button></main>
<p id=out></p>"#;

fn of_frames(path: &str, other: &str) -> Option<String> {
    match path {
        "/" => Some(format!(
            r#"<!doctype html><title>Outer</title><h1>Frames</h1><button>Outer</button>
            <iframe id=same src="/inner" style="border: 7px solid; padding: 60px 0 0 80px"></iframe><iframe id=other src="{other}/"></iframe>"#
        )),
        "/inner" => Some(INNER.into()),
        _ => None,
    }
}

#[tokio::test]
async fn a_snapshot_is_of_a_frame_and_has_its_names_drawn_over_what_is_seen() {
    let bench = Bench::new().await;
    let other = Site::start("127.0.0.1", form).await;
    let elsewhere = other.url.clone();
    let site = Site::start("127.0.0.1", move |path| of_frames(path, &elsewhere)).await;
    bench
        .during_with(options(&bench, |_| {}), async {
            let mut peer = bench.gateway.welcome().await.0;
            post(&mut peer, "/tabs/open", json!({"url": format!("{}/", site.url)})).await;
            let loaded = json!({"kind": "wait", "loadState": "load"});
            post(&mut peer, "/act", loaded).await;
            let shot = get(&mut peer, "/snapshot", json!({"frame": "#same"})).await;
            let text = shot["snapshot"].as_str().unwrap();
            assert!(text.contains("Press") && !text.contains("Outer"), "{text}");
            let press = named(&shot, "button", "Press");
            post(&mut peer, "/act", json!({"kind": "click", "ref": press})).await;
            let out =
                "() => document.querySelector('#same').contentDocument.querySelector('#out').textContent";
            let out = post(&mut peer, "/act", json!({"kind": "evaluate", "fn": out})).await;
            assert_eq!(out["result"], "pressed");
            let part = get(&mut peer, "/snapshot", json!({"frame": "#same", "selector": "main"})).await;
            assert!(part["snapshot"].as_str().unwrap().contains("Press"), "{part}");
            for (frame, status) in [("#other", 501), ("h1", 400), ("#none", 404)] {
                let query = json!({ "frame": frame });
                assert_eq!(
                    refused(&mut peer, "GET", "/snapshot", query, json!({})).await.0,
                    status,
                    "{frame}"
                );
            }

            let labelled = ask(&mut peer, "GET", "/snapshot", json!({"labels": true}), json!({})).await;
            let (told, file) = (&labelled["result"], &labelled["files"][0]);
            assert_eq!(
                (&told["imagePath"], &told["imageType"]),
                (&file["path"], &json!("png")),
                "{labelled}"
            );
            assert!(file["base64"].as_str().unwrap().starts_with("iVBORw0KGgo"), "a picture");
            let outer = named(told, "button", "Outer");
            let marks = told["annotations"].as_array().unwrap();
            assert!(marks.iter().any(|mark| mark["ref"] == outer), "{told}");
            assert_eq!(told["labelsCount"], marks.len());
            let aria = json!({"labels": true, "format": "aria"});
            assert_eq!(refused(&mut peer, "GET", "/snapshot", aria, json!({})).await.0, 400);
        })
        .await;
}

#[tokio::test]
async fn a_trace_is_recorded_once_at_a_time_and_comes_as_a_file() {
    let (bench, site) = (Bench::new().await, Site::start("127.0.0.1", form).await);
    bench
        .during_with(options(&bench, |_| {}), async {
            let mut peer = bench.gateway.welcome().await.0;
            let url = json!({"url": format!("{}/", site.url)});
            let other = post(&mut peer, "/tabs/open", url.clone()).await["targetId"].clone();
            let recorded = post(&mut peer, "/tabs/open", url.clone()).await["targetId"].clone();
            let none = json!({});
            assert_eq!(refused(&mut peer, "POST", "/trace/stop", none.clone(), none.clone()).await.0, 409);
            post(&mut peer, "/trace/start", json!({"screenshots": false})).await;
            for body in [json!({}), json!({ "targetId": other })] {
                assert_eq!(refused(&mut peer, "POST", "/trace/start", none.clone(), body).await.0, 409);
            }
            let outside = json!({"path": "../mine.gz"});
            assert_eq!(refused(&mut peer, "POST", "/trace/stop", none.clone(), outside).await.0, 400);
            post(
                &mut peer,
                "/navigate",
                json!({"url": format!("{}/second", site.url), "targetId": recorded}),
            )
            .await;
            let body = json!({"path": "mine.json.gz", "targetId": recorded});
            let stopped = ask(&mut peer, "POST", "/trace/stop", none.clone(), body).await;
            let (told, file) = (&stopped["result"], &stopped["files"][0]);
            assert_eq!(stopped["error"], Value::Null);
            assert_eq!((&told["path"], &file["mimeType"]), (&file["path"], &json!("application/gzip")));
            assert!(told["path"].as_str().unwrap().ends_with("/mine.json.gz"), "{told}");
            let packed = base64::Engine::decode(
                &base64::engine::general_purpose::STANDARD,
                file["base64"].as_str().unwrap(),
            );
            let mut text = String::new();
            flate2::read::GzDecoder::new(packed.unwrap().as_slice()).read_to_string(&mut text).unwrap();
            let trace: Value = serde_json::from_str(&text).unwrap();
            assert!(trace["traceEvents"].as_array().unwrap().len() > 10, "{}", text.len());
            assert!(text.contains("/second"), "it is of what was done meanwhile");
            post(&mut peer, "/trace/start", json!({ "targetId": other })).await;
        })
        .await;
}
