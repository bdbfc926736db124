//! Files that pages give and are given, and what they look like on paper.

use super::*;

const GIVES: &str = r#"<!doctype html><title>Files</title><a href="/small" download="report.txt">Small</a>
<a href="/large">Large</a><a href="/cut">Cut</a><p id=out>-</p>
<input type=file id=one aria-label="One" onchange="show(this)"><input type=file multiple id=many aria-label="Many" onchange="show(this)">
<button onclick="one.click()">Choose</button>
<script>async function show(field) { out.textContent = (await Promise.all([...field.files].map(async f => f.name + '=' + await f.text()))).join(' '); }</script>"#;

fn attachment(head: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/octet-stream\r\n{head}connection: close\r\n\r\n{body}"
    )
}

fn gives(path: &str) -> Option<String> {
    match path {
        "/" => Some(GIVES.into()),
        "/small" => Some(attachment("content-length: 5\r\n", "whole")),
        "/large" => Some(attachment(
            "content-disposition: attachment; filename=\"../../large.bin\"\r\ncontent-length: 99000000\r\n",
            &"x".repeat(100_000),
        )),
        "/cut" => Some(attachment("content-disposition: attachment\r\ncontent-length: 1000\r\n", "short")),
        _ => None,
    }
}

/// A request with files.
async fn upload(peer: &mut Peer, body: Value, files: &[(&str, &str)]) -> Value {
    let encode = |text: &str| base64::Engine::encode(&base64::engine::general_purpose::STANDARD, text);
    let files: Vec<Value> =
        files.iter().map(|(name, text)| json!({"name": name, "contentBase64": encode(text)})).collect();
    let params = json!({"method": "POST", "path": "/hooks/file-chooser", "body": body, "timeoutMs": 15_000,
        "errorEnvelope": "browser-v1", "upload": {"envelope": "browser-upload-v1", "files": files}});
    invoke_with_key(peer, &model::new_id(), "browser.proxy.upload.v1", params, "").await;
    let (result, _) = result(peer).await;
    assert_eq!(result["ok"], true, "{result}");
    serde_json::from_str(result["payloadJSON"].as_str().unwrap()).unwrap()
}

fn text_of(file: &Value) -> String {
    let text = file["base64"].as_str().unwrap();
    String::from_utf8(base64::Engine::decode(&base64::engine::general_purpose::STANDARD, text).unwrap())
        .unwrap()
}

#[tokio::test]
async fn a_file_that_a_page_gives_comes_whole_or_not_at_all_and_leaves_nothing_behind() {
    let (bench, site) = (Bench::new().await, Site::start("127.0.0.1", gives).await);
    let kept = bench.options().state_dir.join("browser/openclaw/downloads");
    bench
        .during_with(options(&bench, |_| {}), async {
            let mut peer = bench.gateway.welcome().await.0;
            post(&mut peer, "/tabs/open", json!({"url": format!("{}/", site.url)})).await;
            let shot = get(&mut peer, "/snapshot", json!({})).await;
            let link = |name: &str| named(&shot, "link", name);
            for path in ["../mine.txt", "/etc/mine.txt", "a/b", ""] {
                let body = json!({"ref": link("Small"), "path": path});
                assert_eq!(refused(&mut peer, "POST", "/download", json!({}), body).await.0, 400, "{path}");
            }
            let body = json!({"ref": link("Small"), "path": "mine.txt"});
            let answer = ask(&mut peer, "POST", "/download", json!({}), body).await;
            let download = &answer["result"]["download"];
            assert_eq!(download["suggestedFilename"], "report.txt", "{answer}");
            assert!(download["path"].as_str().unwrap().ends_with("/mine.txt"), "{answer}");
            assert_eq!(answer["files"][0]["path"], download["path"]);
            assert_eq!(text_of(&answer["files"][0]), "whole");

            post(&mut peer, "/act", json!({"kind": "batch", "actions": [{"kind": "wait", "timeMs": 1}]}))
                .await;
            for (name, says) in [("Large", ""), ("Cut", "broke off")] {
                let body = json!({"ref": link(name), "path": "x.bin"});
                let (status, error) = refused(&mut peer, "POST", "/download", json!({}), body).await;
                assert_eq!(status, 500, "{error}");
                let error = error["error"].as_str().unwrap();
                assert!(
                    error.contains("was not downloaded") && error.contains(says) && !error.contains('/'),
                    "{error}"
                );
            }
            // One that nobody waited for is there for whoever asks next, or came with the click already.
            let clicked =
                ask(&mut peer, "POST", "/act", json!({}), json!({"kind": "click", "ref": link("Small")}))
                    .await;
            let answer = if clicked["files"].is_array() {
                clicked
            } else {
                ask(&mut peer, "POST", "/wait/download", json!({}), json!({})).await
            };
            assert_eq!(text_of(&answer["files"][0]), "whole");
            let answer =
                ask(&mut peer, "POST", "/navigate", json!({}), json!({"url": format!("{}/small", site.url)}))
                    .await;
            assert_eq!(text_of(&answer["files"][0]), "whole", "{answer}");
            let (status, _) =
                refused(&mut peer, "POST", "/wait/download", json!({}), json!({"timeoutMs": 500})).await;
            assert_eq!(status, 504);
            post(&mut peer, "/stop", json!({})).await;
            let left: Vec<_> = std::fs::read_dir(&kept).unwrap().map(|e| e.unwrap().path()).collect();
            assert!(left.is_empty(), "{left:?}");
        })
        .await;
}

#[tokio::test]
async fn a_file_of_a_tab_that_is_closed_goes_with_it() {
    let (bench, site) = (Bench::new().await, Site::start("127.0.0.1", gives).await);
    let kept = bench.options().state_dir.join("browser/openclaw/downloads");
    let until = async |count: usize| {
        let reached = async {
            while std::fs::read_dir(&kept).unwrap().count() != count {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(crate::support::PATIENCE, reached).await.expect("so many files");
    };
    bench
        .during_with(options(&bench, |_| {}), async {
            let mut peer = bench.gateway.welcome().await.0;
            let url = json!({"url": format!("{}/", site.url)});
            post(&mut peer, "/tabs/open", url.clone()).await;
            let second = post(&mut peer, "/tabs/open", url).await;
            // After the answer, so that it does not come with it.
            let click = "() => { setTimeout(() => [...document.links].find(a => a.textContent.includes('Small')).click(), 100); }";
            post(&mut peer, "/act", json!({"kind": "evaluate", "fn": click})).await;
            until(1).await;
            let second = second["targetId"].as_str().unwrap();
            did(&mut peer, "DELETE", &format!("/tabs/{second}"), json!({}), json!({})).await;
            until(0).await;
            let (status, _) =
                refused(&mut peer, "POST", "/wait/download", json!({}), json!({"timeoutMs": 500})).await;
            assert_eq!(status, 504);
        })
        .await;
}

#[tokio::test]
async fn a_page_is_given_the_files_that_come_with_a_request_and_no_others() {
    let (bench, site) = (Bench::new().await, Site::start("127.0.0.1", gives).await);
    bench
        .during_with(options(&bench, |_| {}), async {
            let mut peer = bench.gateway.welcome().await.0;
            post(&mut peer, "/tabs/open", json!({"url": format!("{}/", site.url)})).await;
            let out = json!({"kind": "evaluate", "fn": "() => document.querySelector('#out').textContent"});
            let two = [("../a.txt", "1"), ("b.txt", "2")];
            let answer = upload(&mut peer, json!({"element": "#many"}), &two).await;
            assert_eq!(answer["result"]["ok"], true, "{answer}");
            post(&mut peer, "/act", json!({"kind": "wait", "text": "a.txt=1 b.txt=2"})).await;
            let shot = get(&mut peer, "/snapshot", json!({})).await;
            let choose = named(&shot, "button", "Choose");
            let answer = upload(&mut peer, json!({"ref": choose}), &[("c.txt", "3")]).await;
            assert_eq!(answer["result"]["ok"], true, "{answer}");
            post(&mut peer, "/act", json!({"kind": "wait", "text": "c.txt=3"})).await;
            // The page asks later.
            let answer = upload(&mut peer, json!({}), &[("d.txt", "4")]).await;
            assert_eq!(answer["result"]["ok"], true, "{answer}");
            post(&mut peer, "/act", json!({"kind": "click", "ref": choose})).await;
            post(&mut peer, "/act", json!({"kind": "wait", "text": "d.txt=4"})).await;
            for (body, files, status) in [
                (json!({"ref": choose}), &two[..], 500),
                (json!({"element": "#one"}), &two[..], 500),
                (json!({"element": "#out"}), &two[..1], 500),
                (json!({"element": "#none"}), &two[..1], 404),
                (json!({"ref": choose, "element": "#one"}), &two[..1], 400),
                (json!({"element": "#one"}), &[], 400),
            ] {
                let answer = upload(&mut peer, body.clone(), files).await;
                assert_eq!(answer["error"]["status"], status, "{body}: {answer}");
            }
            let paths = json!({"element": "#one", "paths": ["/etc/passwd"]});
            assert_eq!(refused(&mut peer, "POST", "/hooks/file-chooser", json!({}), paths).await.0, 400);
            assert_eq!(post(&mut peer, "/act", out).await["result"], "d.txt=4", "nothing else was given");

            let printed = ask(&mut peer, "POST", "/pdf", json!({}), json!({})).await;
            assert_eq!(printed["files"][0]["mimeType"], "application/pdf");
            assert_eq!(printed["files"][0]["path"], printed["result"]["path"]);
            assert!(printed["files"][0]["base64"].as_str().unwrap().starts_with("JVBERi0"), "a PDF");
        })
        .await;
}
