//! Dragging, several actions at once, and pages that ask.

use super::*;

const ACTS: &str = r#"<!doctype html><title>Acts</title>
<div draggable=true role=button id=a aria-label="Card" style="width:80px;height:40px" ondragstart="event.dataTransfer.setData('text/plain', 'card')">Card</div>
<div role=button id=b aria-label="Basket" style="width:200px;height:80px" ondragover="event.preventDefault()" ondrop="event.preventDefault(); out.textContent = 'dropped ' + event.dataTransfer.getData('text/plain')">Basket</div>
<div role=button id=s aria-label="Slider" style="width:40px;height:20px" onpointerdown="this.setPointerCapture(event.pointerId)" onpointerup="out.textContent = 'moved ' + (event.clientY > 60)">Slider</div>
<input id=n aria-label="Name" oninput="out.textContent += '.'"><a href="/second">Second</a>
<button onclick="out.textContent = 'said ' + prompt('Your name?', 'nobody')">Ask</button><button onclick="out.textContent = 'sure ' + confirm('Sure?')">Confirm</button>
<p id=out></p>"#;

fn acts(path: &str) -> Option<String> {
    match path {
        "/" => Some(ACTS.into()),
        "/second" => Some("<!doctype html><title>Second</title><article>The second page.</article>".into()),
        _ => None,
    }
}

const OUT: &str = "() => document.querySelector('#out').textContent";

#[tokio::test]
async fn things_are_dragged_and_several_actions_are_one_request() {
    let (bench, site) = (Bench::new().await, Site::start("127.0.0.1", acts).await);
    bench
        .during_with(options(&bench, |_| {}), async {
            let mut peer = bench.gateway.welcome().await.0;
            post(&mut peer, "/tabs/open", json!({"url": format!("{}/", site.url), "label": "acts"})).await;
            let shot = get(&mut peer, "/snapshot", json!({"urls": true})).await;
            assert!(shot["snapshot"].as_str().unwrap().contains("/second\n"), "{shot}");
            let part = get(&mut peer, "/snapshot", json!({"selector": "a"})).await;
            assert_eq!(part["refs"].as_object().unwrap().len(), 1, "{part}");
            let shot = get(&mut peer, "/snapshot", json!({})).await;
            let button = |name: &str| named(&shot, "button", name);
            let drag = json!({"kind": "drag", "startRef": button("Card"), "endRef": button("Basket")});
            post(&mut peer, "/act", drag).await;
            post(&mut peer, "/act", json!({"kind": "wait", "text": "dropped card"})).await;
            let drag = json!({"kind": "drag", "startRef": button("Slider"), "endRef": button("Basket")});
            post(&mut peer, "/act", drag).await;
            post(&mut peer, "/act", json!({"kind": "wait", "text": "moved true"})).await;

            let name = named(&shot, "textbox", "Name");
            let clear = json!({"kind": "evaluate", "fn": "() => { document.querySelector('#out').textContent = ''; }"});
            let slowly = json!({"kind": "type", "ref": name, "text": "Ada", "slowly": true});
            let inner = json!({"kind": "batch", "actions": [{"kind": "press", "key": "!"}, {"kind": "wait", "timeMs": 1}]});
            let done = post(&mut peer, "/act", json!({"kind": "batch", "actions": [clear, slowly, inner]})).await;
            assert_eq!(done["results"], json!([{"ok": true}, {"ok": true}, {"ok": true}]), "{done}");
            let out = post(&mut peer, "/act", json!({"kind": "evaluate", "fn": OUT})).await;
            assert_eq!(out["result"], "....", "the page has heard each key");

            let wrong = json!({"kind": "click", "ref": "e99"});
            let key = json!({"kind": "press", "key": "x"});
            let stopped = post(&mut peer, "/act", json!({"kind": "batch", "actions": [wrong, key]})).await;
            assert_eq!(stopped["results"].as_array().unwrap().len(), 1, "{stopped}");
            let on = json!({"kind": "batch", "stopOnError": false, "actions": [{"kind": "batch", "actions": [wrong, key]}, key]});
            let went_on = post(&mut peer, "/act", on).await;
            assert_eq!((&went_on["results"][0]["ok"], &went_on["results"][1]["ok"]), (&json!(false), &json!(true)), "{went_on}");
            let away = json!({"kind": "batch", "actions": [
                {"kind": "evaluate", "fn": "() => { location.href = '/second'; }"}, {"kind": "wait", "text": "The second page."}, key]});
            let left = post(&mut peer, "/act", away).await;
            assert_eq!(left["aborted"]["reason"], "navigation", "{left}");
            assert!(left["aborted"]["skipped"].as_u64().unwrap() >= 1, "{left}");

            let mut deep = json!({"kind": "press", "key": "x"});
            for _ in 0..8 {
                deep = json!({"kind": "batch", "actions": [deep]});
            }
            for (body, status) in [
                (json!({"kind": "batch"}), 400),
                (json!({"kind": "batch", "actions": vec![key.clone(); 101]}), 400),
                (json!({"kind": "batch", "actions": [{"kind": "dance"}]}), 400),
                (json!({"kind": "batch", "actions": ["x"]}), 400),
                (deep, 400),
                (json!({"kind": "batch", "actions": [{"kind": "press", "key": "x", "targetId": "other"}]}), 403),
                (json!({"kind": "drag", "startRef": "e1"}), 400),
            ] {
                assert_eq!(refused(&mut peer, "POST", "/act", json!({}), body.clone()).await.0, status, "{body}");
            }
        })
        .await;
}

#[tokio::test]
async fn a_page_that_asks_waits_for_its_answer_and_holds_up_itself_alone() {
    let (bench, site) = (Bench::new().await, Site::start("127.0.0.1", acts).await);
    bench
        .during_with(options(&bench, |_| {}), async {
            let mut peer = bench.gateway.welcome().await.0;
            post(&mut peer, "/tabs/open", json!({"url": format!("{}/second", site.url), "label": "other"})).await;
            post(&mut peer, "/tabs/open", json!({"url": format!("{}/", site.url), "label": "acts"})).await;
            let shot = get(&mut peer, "/snapshot", json!({})).await;
            let click = |name: &str| json!({"kind": "click", "ref": named(&shot, "button", name), "targetId": "acts"});
            let asked = post(&mut peer, "/act", click("Ask")).await;
            assert_eq!(asked["blockedByDialog"], true, "{asked}");
            let pending = &asked["browserState"]["dialogs"]["pending"][0];
            assert_eq!((&pending["message"], &pending["defaultValue"]), (&json!("Your name?"), &json!("nobody")));
            let acts = || json!({"targetId": "acts"});
            assert_eq!(refused(&mut peer, "GET", "/snapshot", acts(), json!({})).await.0, 409);
            assert_eq!(post(&mut peer, "/act", click("Ask")).await["blockedByDialog"], true, "it still asks");
            let other = get(&mut peer, "/text", json!({"targetId": "other"})).await;
            assert!(other["text"].as_str().unwrap().contains("second"), "{other}");
            let wrong = json!({"accept": true, "dialogId": "d9", "targetId": "acts"});
            assert_eq!(refused(&mut peer, "POST", "/hooks/dialog", json!({}), wrong).await.0, 404);
            assert_eq!(refused(&mut peer, "POST", "/hooks/dialog", json!({}), acts()).await.0, 400);
            let answer = json!({"accept": true, "dialogId": pending["id"], "promptText": " Ada ", "targetId": "acts"});
            post(&mut peer, "/hooks/dialog", answer).await;
            let out = json!({"kind": "evaluate", "fn": OUT, "targetId": "acts"});
            assert_eq!(post(&mut peer, "/act", out.clone()).await["result"], "said  Ada ");
            let state = get(&mut peer, "/dialogs", acts()).await;
            assert_eq!(state["browserState"]["dialogs"]["recent"][0]["closedBy"], "agent", "{state}");
            // The answer is there before the question.
            post(&mut peer, "/hooks/dialog", json!({"accept": true, "targetId": "acts"})).await;
            let clicked = post(&mut peer, "/act", click("Confirm")).await;
            assert_eq!(clicked["blockedByDialog"], Value::Null, "{clicked}");
            assert_eq!(post(&mut peer, "/act", out).await["result"], "sure true");
        })
        .await;
}
