//! The local end's port: the same one every time, and another one only where that is taken. Tunnels of one state directory choose
//! one after the other, and none takes what another one has, be it that nobody listens there for the moment.

use super::Place;
use super::place::Remembered;
use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// A gateway on this host has so long to show that it is one.
const GATEWAY_WITHIN: Duration = Duration::from_secs(1);
/// Ports that are tried one after the other before the system is asked for any.
const NEXT: u16 = 50;

/// How often a port that was used before is looked at, and how far apart.
const LOOKS_AT_KEPT: u32 = 20;
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);
/// Another one has chosen within this time: it looks at some ports and writes one file. One that stands still just then is not
/// waited for any longer.
const TURN_WITHIN: Duration = Duration::from_secs(2);

/// The port that was chosen, and what there is to say about it.
#[derive(Debug)]
pub(super) struct Choice {
    pub(super) port: u16,
    /// Why it is not the one that was wanted.
    pub(super) note: Option<String>,
    /// Why the next supervisor will not know of it.
    pub(super) forgotten: Option<io::Error>,
}

/// Chooses a port and remembers it: the one that this tunnel had before, else the `wanted` one, else the next free one after it.
///
/// # Errors
/// No port is free at all.
pub(super) async fn choose(place: &Place, target: String, wanted: u16) -> Result<Choice, String> {
    let first = place.port(wanted).unwrap_or(wanted);
    let turn = turn(place).await;
    let others = place.others();
    let is_good = |port: u16| others.iter().all(|other| other.local_port != port) && is_free(port);
    let chosen = match is_good(first) {
        true => Ok(first),
        false => {
            let near = (1..=NEXT).filter_map(|n| first.checked_add(n)).find(|port| is_good(*port));
            near.map_or_else(any_free, Ok)
        }
    };
    let kept = chosen.as_ref().map(|port| Remembered { target, wanted, local_port: *port });
    let forgotten = kept.ok().and_then(|kept| place.remember(&kept).err());
    drop(turn);
    if chosen.as_ref().is_ok_and(|port| *port == first) {
        return Ok(Choice { port: first, note: None, forgotten });
    }
    let who = match others.into_iter().find(|other| other.local_port == first) {
        Some(other) => format!("the tunnel to {}", other.target),
        None => holder(first).await,
    };
    let port =
        chosen.map_err(|error| format!("port {first} is taken by {who}, and no other is free: {error}"))?;
    let note = Some(format!("port {first} is taken by {who}; the tunnel is at port {port}"));
    Ok(Choice { port, note, forgotten })
}

/// The turn to choose; without it where it is not to be had, since a port that two have chosen is given up by one of them.
async fn turn(place: &Place) -> Option<File> {
    let until = Instant::now() + TURN_WITHIN;
    loop {
        match place.turn() {
            Ok(None) if Instant::now() < until => sleep(BETWEEN_LOOKS).await,
            taken => return taken.ok().flatten(),
        }
    }
}

/// Whether a port of ours can be listened on, now or in a moment: an ssh that ends lets go of it at last.
pub(super) async fn comes_free(port: u16) -> bool {
    for _ in 1..LOOKS_AT_KEPT {
        if is_free(port) {
            return true;
        }
        sleep(BETWEEN_LOOKS).await;
    }
    is_free(port)
}

/// Whether the port can be listened on.
fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

fn any_free() -> io::Result<u16> {
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

    /// The tunnel of this name below this directory, looked after by a process as long as the file lives.
    fn there(dir: &tempfile::TempDir, key: &str) -> (Place, File) {
        let place = Place::new(dir.path(), key);
        place.prepare().unwrap();
        let lock = place.lock().unwrap().unwrap();
        (place, lock)
    }

    async fn chosen(place: &Place, wanted: u16) -> Choice {
        choose(place, format!("me@{}", place.key()), wanted).await.unwrap()
    }

    #[tokio::test]
    async fn a_port_that_is_taken_is_named_with_its_holder_and_the_next_one_is_used_and_kept() {
        let dir = tempfile::tempdir().unwrap();
        let (place, _lock) = there(&dir, "one");
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        let choice = chosen(&place, port).await;
        assert_ne!(choice.port, port);
        let note = choice.note.unwrap();
        let own = format!("process {}", std::process::id());
        for part in [&format!("port {port} is taken"), &own, &format!("at port {}", choice.port)] {
            assert!(note.contains(part), "{part} in {note}");
        }
        // The one that was kept is preferred over the one that is wanted.
        drop(taken);
        let kept = chosen(&place, port).await;
        assert_eq!((kept.port, kept.note), (choice.port, None));
    }

    #[tokio::test]
    async fn tunnels_that_choose_at_one_moment_choose_different_ports_and_keep_them() {
        let dir = tempfile::tempdir().unwrap();
        let all: Vec<(Place, File)> = ["one", "two", "three"].map(|key| there(&dir, key)).into();
        let wanted = any_free().unwrap();
        let [one, two, three] = &all[..] else { panic!("three") };
        let first = tokio::join!(chosen(&one.0, wanted), chosen(&two.0, wanted), chosen(&three.0, wanted));
        let first = [first.0, first.1, first.2];
        let mut ports: Vec<u16> = first.iter().map(|choice| choice.port).collect();
        // Nobody listens on any of them all the while, as before the first ssh is there.
        for (choice, (place, _)) in first.iter().zip(&all) {
            assert_eq!(chosen(place, wanted).await.port, choice.port, "{}", place.key());
        }
        let named = first.iter().filter_map(|choice| choice.note.as_deref());
        assert!(named.clone().count() >= 2 && named.clone().all(|note| note.contains("the tunnel to me@")));
        ports.sort_unstable();
        ports.dedup();
        assert_eq!(ports.len(), 3, "{ports:?}");
    }

    #[tokio::test]
    async fn a_tunnel_that_is_gone_keeps_no_port_from_another() {
        let dir = tempfile::tempdir().unwrap();
        let (one, lock) = there(&dir, "one");
        let port = chosen(&one, any_free().unwrap()).await.port;
        let (two, _lock) = there(&dir, "two");
        assert_ne!(chosen(&two, port).await.port, port);
        drop(lock);
        let (three, _lock) = there(&dir, "three");
        assert_eq!(chosen(&three, port).await.port, port);
    }

    #[tokio::test(start_paused = true)]
    async fn a_chooser_that_stands_still_keeps_nobody_waiting_without_end() {
        let dir = tempfile::tempdir().unwrap();
        let (one, _lock) = there(&dir, "one");
        let still = one.turn().unwrap().unwrap();
        let wanted = any_free().unwrap();
        assert_eq!(chosen(&one, wanted).await.port, wanted);
        drop(still);
    }
}
