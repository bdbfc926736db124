//! Why a fetch was refused or failed.

/// Why a fetch was refused or failed. Nothing of the answer is in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EgressError {
    /// The URL cannot be fetched by anyone here.
    #[error("{url:?} is refused: {reason}; give a plain http or https URL")]
    Url {
        /// The URL, cut to what can be shown.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The host is, or resolves to, an address that is not public.
    #[error("{host} is refused: {reason}; only public addresses may be fetched")]
    Address {
        /// The host as it was named.
        host: String,
        /// Which kind of address it is.
        reason: &'static str,
    },
    /// The host's name has no address.
    #[error("{host} could not be looked up: {reason}; check the name")]
    Lookup {
        /// The host as it was named.
        host: String,
        /// What the resolver said.
        reason: String,
    },
    /// No connection, or one that broke.
    #[error("{host} could not be reached: {reason}; try again later or check the URL")]
    Unreachable {
        /// The host as it was named.
        host: String,
        /// What went wrong.
        reason: String,
    },
    /// It was redirected too often.
    #[error("{url} redirects once more after {limit} redirects; fetch its target directly")]
    Redirects {
        /// The last URL.
        url: String,
        /// How many were followed.
        limit: usize,
    },
    /// It took too long.
    #[error("{url} was not fetched within {seconds} s; try again later")]
    Late {
        /// The URL, cut to what can be shown.
        url: String,
        /// The deadline.
        seconds: u64,
    },
    /// What came is no text.
    #[error("{url} is {content_type}, which is no text; download it with exec if it is needed")]
    NotText {
        /// The last URL.
        url: String,
        /// What the server calls it.
        content_type: String,
    },
    /// There is no such file.
    #[error("{url} was not given: HTTP {status}")]
    Status {
        /// The last URL.
        url: String,
        /// What the server answered.
        status: u16,
    },
    /// A file is larger than it may be.
    #[error("{url} is larger than {max} bytes")]
    TooLarge {
        /// The last URL.
        url: String,
        /// The bound.
        max: u64,
    },
    /// The client could not be made.
    #[error("the HTTP client could not be made: {reason}; check the system's certificates")]
    Client {
        /// Why.
        reason: String,
    },
}
