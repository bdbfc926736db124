use super::*;
use serde_json::json;

fn scope() -> Scope {
    Scope::new("run".into(), "secret".into(), "http://h:1".into())
}

fn fits(pattern: Value, value: Value) -> bool {
    check(&pattern, &value, &mut scope()).is_ok()
}

#[test]
fn objects_may_have_more_and_lists_may_not() {
    assert!(fits(json!({"a": 1}), json!({"a": 1, "b": 2})));
    assert!(!fits(json!({"a": 1, "b": 2}), json!({"a": 1})));
    assert!(!fits(json!([1]), json!([1, 2])));
    assert!(!fits(json!([1, 2]), json!([2, 1])));
    assert!(fits(json!({"$only": {"a": "$number"}}), json!({"a": 1})));
    assert!(!fits(json!({"$only": {"a": "$number"}}), json!({"a": 1, "b": 2})));
    assert!(fits(json!({"$only": {"a": 1, "b": "$any"}}), json!({"a": 1})));
}

#[test]
fn each_word_takes_what_it_says_and_nothing_else() {
    let cases = [
        (json!("$string"), json!("x"), json!(1)),
        (json!("$number"), json!(1.5), json!("1")),
        (json!("$boolean"), json!(false), json!(null)),
        (json!("$time"), json!(1_795_226_166_539_i64), json!(1_795_226_166)),
        (json!("$token"), json!("secret"), json!("other")),
        (json!("$origin"), json!("http://h:1"), json!("http://h:2")),
        (json!({"a": "$absent"}), json!({}), json!({"a": null})),
        (json!({"$starts": "ab"}), json!("abc"), json!("xab")),
        (json!({"$contains": "ab"}), json!("xaby"), json!("ba")),
        (json!({"$has": [2, {"a": 1}]}), json!([{"a": 1, "b": 0}, 2]), json!([2, 2])),
        (json!({"$has": [1, 1]}), json!([1, 0, 1]), json!([1])),
        (json!({"$each": "$string"}), json!(["a", "b"]), json!(["a", 1])),
        (json!({"$one-of": [1, "a"]}), json!("a"), json!("b")),
        (json!({"$not": "$absent"}), json!(1), json!(null)),
        (json!({"$least": 5}), json!(5), json!(4)),
        (json!({"$text": ["n", 1]}), json!("n1"), json!("n2")),
        (json!({"$json": {"a": 1}}), json!("{\"a\":1}"), json!({"a": 1})),
    ];
    for (pattern, good, bad) in cases {
        assert!(fits(pattern.clone(), good.clone()), "{pattern} takes {good}");
        // `null` is there: only a missing property is absent.
        let refuses = pattern != json!({"$not": "$absent"});
        assert!(fits(pattern.clone(), bad.clone()) != refuses, "{pattern} and {bad}");
    }
}

#[test]
fn what_is_bound_must_be_the_same_again_and_a_failed_match_binds_nothing() {
    let mut scope = scope();
    assert!(check(&json!({"a": "$bind:x", "b": 2}), &json!({"a": 1, "b": 3}), &mut scope).is_err());
    assert!(check(&json!("$x"), &json!(1), &mut scope).is_err(), "nothing was bound");
    check(&json!({"a": "$bind:x"}), &json!({"a": 1}), &mut scope).unwrap();
    check(&json!("$x"), &json!(1), &mut scope).unwrap();
    let error = check(&json!({"a": ["$x"]}), &json!({"a": [2]}), &mut scope).unwrap_err();
    assert_eq!(error, "/a/0: expected 1, got 2");
}

#[test]
fn a_missing_value_is_never_bound() {
    assert!(!fits(json!({"a": "$bind:x"}), json!({})));
    assert!(!fits(json!({"a": "$bind:x"}), json!({"a": null})));
}
