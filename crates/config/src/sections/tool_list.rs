//! Lists of tools (`allow`, `deny`): names, `"*"`, and the groups that OpenClaw's users know.

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
            || ALIASES.iter().any(|(alias, meant)| *alias == lower && *meant == tool)
            || GROUPS.iter().any(|(group, tools)| *group == lower && tools.contains(&tool))
    })
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
        ] {
            let list = [entry.to_owned()];
            assert_eq!((lists_tool(&list, tool), names_tool(&list, tool)), (listed, named), "{entry} {tool}");
        }
    }
}
