//! The walk of every page: where it begins, and what a reader does beside what stands there.

#[path = "walks/begin.rs"]
mod begin;
#[path = "walks/chats.rs"]
mod chats;
#[path = "walks/elsewhere.rs"]
mod elsewhere;
#[path = "walks/hosts.rs"]
mod hosts;
#[path = "walks/letting_in.rs"]
mod letting_in;
#[path = "walks/looking.rs"]
mod looking;
#[path = "walks/reference.rs"]
mod reference;

use crate::page::lines;
use crate::root;

/// A test for each page, and the list of them.
macro_rules! walks {
    ($($test:ident: $page:literal, $walk:path;)*) => {
        const WALKED: &[&str] = &[$($page),*];
        $(#[test] fn $test() { $walk($page); })*
    };
}

walks! {
    every_command_of_the_readme_runs: "README.md", begin::readme;
    every_command_of_getting_started_runs: "docs/getting-started.md", begin::getting_started;
    every_command_about_telegram_runs: "docs/telegram.md", chats::telegram;
    every_command_about_sessions_runs: "docs/sessions.md", chats::sessions;
    every_command_about_a_gateway_elsewhere_runs: "docs/remote.md", elsewhere::remote;
    every_command_about_tls_runs: "docs/tls.md", elsewhere::tls;
    every_command_about_tailscale_runs: "docs/tailscale.md", elsewhere::tailscale;
    every_command_about_proxies_runs: "docs/proxies.md", elsewhere::proxies;
    every_command_about_discovery_runs: "docs/discovery.md", elsewhere::discovery;
    every_command_about_services_runs: "docs/services.md", hosts::services;
    every_command_of_the_runbooks_runs: "docs/runbooks.md", hosts::runbooks;
    every_command_about_nodes_runs: "docs/nodes.md", letting_in::nodes;
    every_command_about_pairing_runs: "docs/pairing.md", letting_in::pairing;
    every_command_about_the_browser_runs: "docs/browser.md", letting_in::browser;
    every_command_about_configuration_runs: "docs/configuration.md", looking::configuration;
    every_command_about_models_runs: "docs/models.md", looking::models;
    every_command_of_the_page_about_the_command_line_runs: "docs/cli.md", looking::cli;
    every_command_of_the_doctor_runs: "docs/doctor.md", looking::doctor;
    every_example_of_the_command_reference_runs: "docs/commands.md", reference::commands;
    every_command_of_troubleshooting_runs: "docs/troubleshooting.md", looking::troubleshooting;
}

/// Pages whose command lines are of this repository and not of the program.
const ABOUT_THE_REPOSITORY: &[&str] = &["docs/compat.md", "docs/conformance.md", "docs/performance.md"];

#[test]
fn every_page_with_a_command_line_is_walked() {
    let docs = std::fs::read_dir(root().join("docs")).unwrap();
    let names = docs.map(|entry| format!("docs/{}", entry.unwrap().file_name().to_str().unwrap()));
    let pages = names.filter(|name| name.ends_with(".md")).chain(["README.md".to_owned()]);
    let known = |name: &str| WALKED.contains(&name) || ABOUT_THE_REPOSITORY.contains(&name);
    let missing: Vec<String> = pages.filter(|name| !known(name) && !lines(name).is_empty()).collect();
    assert!(missing.is_empty(), "no walk goes through {missing:?}");
}
