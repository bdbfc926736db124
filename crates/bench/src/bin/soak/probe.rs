//! Asks the far gateway through the tunnel, from a thread that lives on the near host.

use crate::failure::{Failure, Result};
use std::net::Ipv4Addr;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;
use testkit::netns::Host;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, timeout};

/// A question begins so often, and waits so long: one that is lost must not hold up the next.
const EVERY: Duration = Duration::from_millis(20);
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// A tunnel that is not back after this time does not come back.
const PATIENCE: Duration = Duration::from_secs(180);
/// The tunnel stands when this many answers came one after the other: the first could be the last of the old one.
const ANSWERS: usize = 5;

/// The thread. It ends when this is dropped.
pub(crate) struct Prober {
    ask: Sender<Instant>,
    told: Receiver<Option<Duration>>,
}

impl Prober {
    pub(crate) fn start(host: &Host, port: u16) -> Self {
        let (ask, asked) = mpsc::channel();
        let (tell, told) = mpsc::channel();
        let host = host.clone();
        // Without it, asking says that nobody is there.
        std::thread::spawn(move || -> std::io::Result<()> {
            host.enter()?;
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            while let Ok(since) = asked.recv() {
                if tell.send(runtime.block_on(recovery(port, since))).is_err() {
                    break;
                }
            }
            Ok(())
        });
        Self { ask, told }
    }

    /// How long it takes from then until the far gateway answers again and again.
    pub(crate) fn recovery(&self, since: Instant) -> Result<Duration> {
        let gone = |_| Failure::new("nobody can ask from the near host");
        self.ask.send(since).map_err(|_| gone(()))?;
        let took = self.told.recv().map_err(|_| gone(()))?;
        took.ok_or_else(|| Failure::new(format!("the tunnel is not back after {PATIENCE:?}")))
    }
}

/// The time of the first of several answers in a row.
async fn recovery(port: u16, begun: Instant) -> Option<Duration> {
    let mut asking = JoinSet::new();
    let mut ticks = interval(EVERY);
    let mut good: Vec<Duration> = Vec::new();
    while begun.elapsed() < PATIENCE {
        tokio::select! {
            _ = ticks.tick() => {
                asking.spawn(async move { (begun.elapsed(), timeout(ANSWER_WITHIN, answers(port)).await == Ok(true)) });
            }
            Some(Ok((_, is_good))) = asking.join_next() => {
                if is_good { good.push(begun.elapsed()) } else { good.clear() }
                if good.len() == ANSWERS {
                    return good.first().copied();
                }
            }
        }
    }
    None
}

/// Whether `/healthz` says 200.
async fn answers(port: u16) -> bool {
    let ask = async {
        let mut tcp = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
        tcp.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await?;
        let mut status = [0; 12];
        tcp.read_exact(&mut status).await?;
        Ok::<_, std::io::Error>(&status == b"HTTP/1.1 200")
    };
    ask.await.unwrap_or(false)
}
