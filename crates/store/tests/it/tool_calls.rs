//! Calls of tools under a key.

use crate::support::fixture;
use serde_json::json;
use store::ToolCallState;

#[tokio::test]
async fn a_call_is_made_once_also_over_a_restart() {
    let fixture = fixture();
    assert_eq!(fixture.store.begin_tool_call("a").await.unwrap(), ToolCallState::New);
    assert_eq!(fixture.store.begin_tool_call("cut").await.unwrap(), ToolCallState::New);
    fixture.store.end_tool_call("a", &json!({"ok": true})).await.unwrap();
    let fixture = fixture.restarted().await;
    assert_eq!(fixture.store.begin_tool_call("a").await.unwrap(), ToolCallState::Done(json!({"ok": true})));
    assert_eq!(fixture.store.begin_tool_call("cut").await.unwrap(), ToolCallState::Cut);
    fixture.clock.advance_ms(31 * 86_400_000);
    fixture.store.prune().await.unwrap();
    assert_eq!(
        fixture.store.begin_tool_call("a").await.unwrap(),
        ToolCallState::New,
        "keys are kept 30 days"
    );
}
