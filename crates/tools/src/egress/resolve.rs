//! Looking names up, and letting only checked addresses out. The connection is made to the very addresses that were
//! checked, so a name that changes its mind (DNS rebinding) gains nothing.

use super::{EgressError, EgressPolicy};
use crate::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// Addresses tried per name.
const MAX_ADDRESSES: usize = 16;

/// Knows the addresses of names.
pub trait Resolver: Send + Sync + 'static {
    /// The addresses of a host name.
    fn resolve<'a>(&'a self, host: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>>;
}

/// Asks the system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

impl Resolver for SystemResolver {
    fn resolve<'a>(&'a self, host: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        Box::pin(async move { Ok(tokio::net::lookup_host((host, 0)).await?.map(|a| a.ip()).collect()) })
    }
}

/// Gives the client addresses that may be reached. One bad address spoils all of them: an honest name has none.
pub(super) struct CheckedResolver {
    pub(super) resolver: Arc<dyn Resolver>,
    pub(super) policy: EgressPolicy,
}

impl Resolve for CheckedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (resolver, policy) = (self.resolver.clone(), self.policy);
        Box::pin(async move {
            let addresses = checked(resolver.as_ref(), policy, name.as_str()).await?;
            // Port 0 stands for the one in the URL.
            let addresses: Addrs = Box::new(addresses.into_iter().map(|ip| SocketAddr::new(ip, 0)));
            Ok(addresses)
        })
    }
}

async fn checked(
    resolver: &dyn Resolver,
    policy: EgressPolicy,
    host: &str,
) -> Result<Vec<IpAddr>, EgressError> {
    let lookup = |reason: String| EgressError::Lookup { host: host.to_owned(), reason };
    let mut addresses = resolver.resolve(host).await.map_err(|e| lookup(e.to_string()))?;
    if addresses.is_empty() {
        return Err(lookup("it has no address".to_owned()));
    }
    if let Some(reason) = addresses.iter().find_map(|ip| model::address_refusal(*ip, policy.allow_private)) {
        return Err(EgressError::Address { host: host.to_owned(), reason });
    }
    addresses.truncate(MAX_ADDRESSES);
    Ok(addresses)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;
    use std::sync::Mutex;

    struct Script(Mutex<VecDeque<Vec<IpAddr>>>);

    impl Resolver for Script {
        fn resolve<'a>(&'a self, _: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
            Box::pin(async {
                self.0.lock().unwrap().pop_front().ok_or_else(|| io::Error::other("no such name"))
            })
        }
    }

    #[tokio::test]
    async fn every_lookup_is_checked_and_one_bad_address_spoils_it() {
        let public: IpAddr = "93.184.216.34".parse().unwrap();
        let private: IpAddr = "10.0.0.1".parse().unwrap();
        let script = Script(Mutex::new([vec![public], vec![private], vec![public, private], vec![]].into()));
        let policy = EgressPolicy::default();
        let mut results = Vec::new();
        for _ in 0..5 {
            results.push(checked(&script, policy, "host").await);
        }
        assert_eq!(results[0], Ok(vec![public]));
        assert!(matches!(results[1], Err(EgressError::Address { .. })), "{results:?}");
        assert!(matches!(results[2], Err(EgressError::Address { .. })), "{results:?}");
        assert!(matches!(results[3], Err(EgressError::Lookup { .. })), "{results:?}");
        assert!(matches!(results[4], Err(EgressError::Lookup { .. })), "{results:?}");
    }
}
