//! Lists of tools (`allow`, `deny`): names, patterns with `*`, and the groups that OpenClaw's users know.

/// Groups by name, with those of their tools that there are here.
const GROUPS: &[(&str, &[&str])] = &[
    ("group:runtime", &["exec", "process"]),
    ("group:fs", &["read", "write", "edit", "ls"]),
    ("group:sessions", &["sessions_list", "sessions_history", "session_status"]),
    ("group:web", &["web_fetch"]),
    ("group:automation", &["cron"]),
    ("group:messaging", &["message"]),
    ("group:nodes", &["nodes", "file_fetch", "dir_list", "dir_fetch", "file_write"]),
    ("group:ui", &["browser"]),
    (
        "group:openclaw",
        &[
            "browser",
            "cron",
            "message",
            "nodes",
            "session_status",
            "sessions_history",
            "sessions_list",
            "web_fetch",
        ],
    ),
];

/// Other names of tools.
const ALIASES: &[(&str, &str)] = &[("bash", "exec"), ("automations", "cron")];

/// Whether a list has a tool in it: by its name, by another name of it, by a group, or by `"*"`.
pub fn lists_tool(list: &[String], tool: &str) -> bool {
    list.iter().any(|entry| entry.trim() == "*") || names_tool(list, tool)
}

/// Whether a list has a tool in it otherwise than by `"*"`.
pub fn names_tool(list: &[String], tool: &str) -> bool {
    list.iter().any(|entry| {
        let entry = entry.trim();
        let lower = entry.to_ascii_lowercase();
        entry == tool
            || lower == tool
            || (entry != "*" && entry.contains('*') && fits(&lower, &tool.to_ascii_lowercase()))
            || ALIASES.iter().any(|(alias, meant)| *alias == lower && *meant == tool)
            || GROUPS.iter().any(|(group, tools)| *group == lower && tools.contains(&tool))
    })
}

/// Whether a name is as a pattern, in which `*` stands for any characters.
fn fits(pattern: &str, name: &str) -> bool {
    let Some((first, mut others)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    while let Some((part, after)) = others.split_once('*') {
        let Some((_, left)) = rest.split_once(part) else { return false };
        (rest, others) = (left, after);
    }
    rest.ends_with(others)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_of_names_other_names_and_groups() {
        for (entry, tool, listed, named) in [
            ("exec", "exec", true, true),
            ("bash", "exec", true, true),
            (" Exec ", "exec", true, true),
            ("group:runtime", "process", true, true),
            ("group:fs", "write", true, true),
            ("group:fs", "exec", false, false),
            ("group:automation", "cron", true, true),
            ("automations", "cron", true, true),
            ("group:openclaw", "read", false, false),
            ("group:none", "exec", false, false),
            ("*", "exec", true, false),
            ("Lamp_On", "Lamp_On", true, true),
            ("docs__*", "docs__search", true, true),
            ("Docs__*", "docs__Search", true, true),
            ("docs__*", "docs", false, false),
            ("*_on", "lamp_on", true, true),
            ("l*_o*n", "lamp_on", true, true),
            ("l*_o*f", "lamp_on", false, false),
            ("a*a", "a", false, false),
        ] {
            let list = [entry.to_owned()];
            assert_eq!((lists_tool(&list, tool), names_tool(&list, tool)), (listed, named), "{entry} {tool}");
        }
    }
}
