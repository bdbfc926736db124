//! The local end's port: the same one every time, and another one only where that is taken.

use std::net::{Ipv4Addr, TcpListener};
use std::time::Duration;

/// A gateway on this host has so long to show that it is one.
const GATEWAY_WITHIN: Duration = Duration::from_secs(1);
/// Ports that are tried one after the other before the system is asked for any.
const NEXT: u16 = 50;

/// How often a port that was used before is looked at, and how far apart.
const LOOKS_AT_KEPT: u32 = 20;
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

/// The port that was chosen, and what there is to say about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Choice {
    pub(super) port: u16,
    /// Why it is not the one that was wanted.
    pub(super) note: Option<String>,
}

/// Chooses a port: the one that was used `before`, else the `wanted` one, else the next free one after it.
///
/// # Errors
/// No port is free at all.
pub(super) async fn choose(before: Option<u16>, wanted: u16) -> Result<Choice, String> {
    let first = before.unwrap_or(wanted);
    let free = if before.is_some() { comes_free(first).await } else { is_free(first) };
    if free {
        return Ok(Choice { port: first, note: None });
    }
    let who = holder(first).await;
    let near = (1..=NEXT).filter_map(|n| first.checked_add(n)).find(|port| is_free(*port));
    let port = match near {
        Some(port) => port,
        None => any_free()
            .map_err(|error| format!("port {first} is taken by {who}, and no other is free: {error}"))?,
    };
    Ok(Choice { port, note: Some(format!("port {first} is taken by {who}; the tunnel is at port {port}")) })
}

/// Whether a port of ours can be listened on, now or in a moment: the ssh of before may be about to let go of it.
pub(super) async fn comes_free(port: u16) -> bool {
    for _ in 1..LOOKS_AT_KEPT {
        if is_free(port) {
            return true;
        }
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
    is_free(port)
}

/// Whether the port can be listened on.
fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

fn any_free() -> std::io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// Who listens on the port: a gateway of this host, another process, or somebody who cannot be seen.
pub(super) async fn holder(port: u16) -> String {
    let process = config::port_holder(port);
    let gateway = client::challenge(&format!("ws://127.0.0.1:{port}"), GATEWAY_WITHIN).await.is_ok();
    match (gateway, process) {
        (true, Some(process)) => format!("a gateway on this host, {process}"),
        (true, None) => "a gateway on this host".to_owned(),
        (false, Some(process)) => process,
        (false, None) => "a process that this user cannot see".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_port_that_is_taken_is_named_with_its_holder_and_the_next_one_is_used() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        let choice = choose(None, port).await.unwrap();
        assert_ne!(choice.port, port);
        let note = choice.note.unwrap();
        let own = format!("process {}", std::process::id());
        for part in [&format!("port {port} is taken"), &own, &format!("at port {}", choice.port)] {
            assert!(note.contains(part), "{part} in {note}");
        }
        // The one that was kept is preferred over the one that is wanted.
        let kept = choose(Some(choice.port), port).await.unwrap();
        assert_eq!(kept, Choice { port: choice.port, note: None });
    }
}
