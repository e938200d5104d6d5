//! One range of an object, or a list of objects, fetched until it is there: what may pass is tried
//! again, after ever longer pauses and from where it was reached; what will not is told at once.

use std::collections::HashSet;
use std::fmt;
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::StreamExt;
use object_store::list::{PaginatedListOptions, PaginatedListResult};
use object_store::path::Path;
use object_store::{Attribute, GetOptions, GetRange, GetResult, ObjectMeta};

use super::listing::{self, GoesOn};
use super::store::{Seen, Store};

/// Without a byte for so long it is given up, however few tries that were.
const LONGEST: Duration = Duration::from_secs(180);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// An object, and where it is.
#[derive(Clone)]
pub struct Wanted {
    pub store: Arc<Store>,
    pub path: Path,
}

/// What must be the same of an object for two ranges to be parts of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    pub length: u64,
    /// Its entity tag, or the time it was written where it has none.
    tag: Option<String>,
}

impl Version {
    pub fn of(meta: &ObjectMeta) -> Self {
        let date = meta.last_modified.to_rfc3339();
        // The library's way to say that there is no date.
        let date = (meta.last_modified.timestamp() != 0).then_some(date);
        Self {
            length: meta.size,
            tag: meta.e_tag.clone().or(date),
        }
    }

    /// Whether another version can be told from it.
    pub fn is_told(&self) -> bool {
        self.tag.is_some()
    }

    /// What a server can compare by itself: a weak tag and a date are none.
    fn strong_tag(&self) -> Option<String> {
        self.tag.clone().filter(|tag| tag.starts_with('"'))
    }
}

/// Empty where another version could not be told from it.
impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match &self.tag {
            Some(tag) => write!(f, "{tag} {}", self.length),
            None => Ok(()),
        }
    }
}

/// Why there is no answer, or no more of it.
pub struct Failure {
    pub kind: FailureKind,
    pub error: io::Error,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// It may pass.
    Passing,
    /// It will not.
    Lasting,
    /// The server gives no parts of it, or does not tell of which version they are.
    NoRanges,
    /// It ends before the range.
    Beyond,
}

impl Failure {
    fn lasting(message: impl Into<String>) -> Self {
        Self {
            kind: FailureKind::Lasting,
            error: io::Error::other(message.into()),
        }
    }

    pub fn passing(message: impl Into<String>) -> Self {
        Self {
            kind: FailureKind::Passing,
            error: io::Error::other(message.into()),
        }
    }

    fn unversioned() -> Self {
        Self {
            kind: FailureKind::NoRanges,
            error: io::Error::other("the server does not tell one version from another"),
        }
    }

    pub fn changed() -> Self {
        Self::lasting("it was changed while it was read: what was read is of the former version")
    }
}

/// Tries of one request.
pub struct Tries {
    made: u32,
    since: Instant,
}

impl Tries {
    pub fn new() -> Self {
        Self {
            made: 0,
            since: Instant::now(),
        }
    }

    /// Something came: whatever fails now is another failure.
    pub fn came_on(&mut self) {
        *self = Self::new();
    }

    /// Waits before the next try, unless there is to be none. The failure says how many there were.
    pub async fn again(&mut self, failure: Failure, store: &Store) -> Result<(), Failure> {
        self.made += 1;
        if failure.kind != FailureKind::Passing {
            return Err(failure);
        }
        if self.made >= store.tries() || self.since.elapsed() > LONGEST {
            let error = failure.error;
            return Err(Failure::lasting(match self.made {
                1 => error.to_string(),
                made => format!("{error}; tried {made} times"),
            }));
        }
        tokio::time::sleep(pause(self.made)).await;
        Ok(())
    }
}

fn pause(tries: u32) -> Duration {
    let doubled = FIRST_PAUSE.saturating_mul(1 << (tries - 1).min(10));
    doubled.min(LONGEST_PAUSE)
}

impl Wanted {
    /// Fetches a range, or as much of it as there is, of this version if there is one.
    pub async fn range(
        &self,
        range: Range<u64>,
        version: Option<&Version>,
    ) -> Result<(Bytes, Version), Failure> {
        let mut bytes = Vec::new();
        let mut version = version.cloned();
        let mut tries = Tries::new();
        loop {
            let reached = range.start + bytes.len() as u64;
            let wanted = GetRange::Bounded(reached..range.end);
            let failure = match self.get(Some(wanted), version.as_ref()).await {
                Ok(result) => {
                    let found = Version::of(&result.meta);
                    if !found.is_told() {
                        return Err(Failure::unversioned());
                    }
                    let end = range.end.min(found.length);
                    bytes.reserve_exact(end.saturating_sub(reached) as usize);
                    let most = end.saturating_sub(range.start);
                    let outcome = collect(result, most, &mut bytes, &mut tries).await;
                    let is_whole = range.start + bytes.len() as u64 == end;
                    let failure = match outcome {
                        Ok(()) if is_whole => return Ok((bytes.into(), found)),
                        Ok(()) => Failure::passing("an answer of another length than it states"),
                        Err(failure) => failure,
                    };
                    version = Some(found);
                    failure
                }
                Err(failure) => failure,
            };
            tries.again(failure, &self.store).await?;
        }
    }

    /// Asks once, for a range or for all; the answer is of this version if there is one.
    pub async fn get(
        &self,
        range: Option<GetRange>,
        version: Option<&Version>,
    ) -> Result<GetResult, Failure> {
        let options = GetOptions {
            range,
            if_match: version.and_then(Version::strong_tag),
            ..GetOptions::default()
        };
        let result = self.ask(options).await?;
        match version {
            Some(version) if *version != Version::of(&result.meta) => Err(Failure::changed()),
            _ if is_brotli(&result) => Err(Failure::lasting(
                "it is in brotli, which is not read; `brotli -d` decompresses it",
            )),
            _ => Ok(result),
        }
    }

    /// How long it is, by another request than one for its bytes.
    pub async fn length(&self) -> Result<u64, Failure> {
        let options = GetOptions {
            head: true,
            ..GetOptions::default()
        };
        Ok(self.ask(options).await?.meta.size)
    }

    /// The keys below it, as its store lists them, which is a part with each answer.
    pub async fn below(&self) -> Result<Vec<(String, Version)>, Failure> {
        let Some(lists) = &self.store.lists else {
            return Err(Failure::lasting("it cannot be listed"));
        };
        let prefix = (!self.path.is_root()).then(|| format!("{}/", self.path));
        let mut objects = Vec::new();
        let mut token = None;
        let mut tokens = HashSet::new();
        let mut tries = Tries::new();
        loop {
            let seen = Seen::of_a_list();
            let mut options = PaginatedListOptions {
                page_token: token.clone(),
                ..PaginatedListOptions::default()
            };
            options.extensions.insert(seen.clone());
            let answer = lists.list_paginated(prefix.as_deref(), options).await;
            match self.heard(answer, &seen) {
                Ok(part) => {
                    tries.came_on();
                    let listed = part.result.objects.iter();
                    objects.extend(listed.map(|meta| {
                        let key = listing::key_of(meta.location.as_ref());
                        (key, Version::of(meta))
                    }));
                    token = token_behind(part)?;
                    match &token {
                        None => return Ok(objects),
                        Some(token) if tokens.insert(token.clone()) => {}
                        Some(_) => {
                            return Err(Failure::lasting(
                                "its list does not end: the server goes back to a part that it has \
                                 given",
                            ));
                        }
                    }
                }
                Err(failure) => tries.again(failure, &self.store).await?,
            }
        }
    }

    async fn ask(&self, mut options: GetOptions) -> Result<GetResult, Failure> {
        let seen = Seen::default();
        options.extensions.insert(seen.clone());
        let answer = self.store.objects.get_opts(&self.path, options).await;
        self.heard(answer, &seen)
    }

    fn heard<T>(&self, answer: object_store::Result<T>, seen: &Seen) -> Result<T, Failure> {
        if seen.status().is_some() {
            self.store.has_answered.store(true, Ordering::Relaxed);
        }
        answer.map_err(|error| self.failure(&error, seen))
    }

    fn failure(&self, error: &object_store::Error, seen: &Seen) -> Failure {
        let Some(status) = seen.status() else {
            let cause = cause(error);
            let advice = self.store.credentials();
            return Failure::passing(match seen.is_asked() {
                true => self.unreached(&cause),
                false => format!("there are no credentials ({cause}); {advice}"),
            });
        };
        let answered = answered(status, error);
        match status {
            200 => Failure {
                kind: FailureKind::NoRanges,
                error: io::Error::other(cause(error)),
            },
            404 | 410 => Failure::lasting(format!("it is not there ({answered})")),
            401 | 403 => {
                let advice = self.store.credentials();
                Failure::lasting(format!("it may not be read ({answered}); {advice}"))
            }
            412 => Failure::changed(),
            416 => Failure {
                kind: FailureKind::Beyond,
                error: io::Error::other(answered),
            },
            408 | 429 | 500.. => Failure::passing(format!("the server answers {answered}")),
            301 | 307 => Failure::lasting(format!(
                "the server answers {answered}; set AWS_REGION to where the bucket is"
            )),
            400.. => Failure::lasting(format!("the server answers {answered}")),
            _ => Failure::lasting(cause(error)),
        }
    }

    fn unreached(&self, cause: &str) -> String {
        let advice = match self.store.without_tls() {
            Some(variable) if cause.contains("scheme is not allowed") => {
                format!("; set {variable}=true for a store without TLS")
            }
            _ => String::new(),
        };
        format!("it cannot be reached ({cause}){advice}")
    }
}

/// What asks for the next part of a list, if there is one.
fn token_behind(part: PaginatedListResult) -> Result<Option<String>, Failure> {
    let token = part.page_token.filter(|token| !token.is_empty());
    match token.is_none() && part.result.extensions.get::<GoesOn>().is_some() {
        true => Err(Failure::lasting(
            "its list is cut off: the server says that there is more, and not how to ask for it",
        )),
        false => Ok(token),
    }
}

/// Takes an answer's bytes as they come, up to so many in all; what came before a failure stays.
async fn collect(
    result: GetResult,
    most: u64,
    bytes: &mut Vec<u8>,
    tries: &mut Tries,
) -> Result<(), Failure> {
    let mut pieces = result.into_stream();
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|error| Failure::passing(cut(&error)))?;
        if (bytes.len() + piece.len()) as u64 > most {
            return Err(Failure::lasting("the server sends more than it says"));
        }
        bytes.extend_from_slice(&piece);
        tries.came_on();
    }
    Ok(())
}

/// What is said of a connection that ends in the middle of an answer.
pub fn cut(error: &object_store::Error) -> String {
    format!("the connection was cut ({})", cause(error))
}

/// The status, with the name that a store gives to what is wrong.
fn answered(status: u16, error: &object_store::Error) -> String {
    match code(error) {
        Some(code) => format!("{status} {code}"),
        None => status.to_string(),
    }
}

/// The name that a store gives to what is wrong, in the XML that it answers.
fn code(error: &object_store::Error) -> Option<String> {
    let text = error.to_string();
    let (_, rest) = text.split_once("<Code>")?;
    let (code, _) = rest.split_once("</Code>")?;
    Some(in_short(code))
}

/// What the innermost of an error's causes says, on one line: those around it name the library's
/// parts and an address that nobody typed.
fn cause(error: &object_store::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    let words = cause.to_string();
    match SAID.iter().find(|(said, _)| words.contains(said)) {
        Some((_, plainly)) => (*plainly).to_owned(),
        None => in_short(&words),
    }
}

/// What the library says in words of its own, and what that means.
const SAID: [(&str, &str); 3] = [
    ("Range request not supported", NO_RANGE),
    ("non-partial response when range requested", NO_RANGE),
    (
        "Content-Length Header missing",
        "the server does not say how long it is, so that nobody could tell whether it is whole; \
         pipe it in: `curl … | citesift`",
    ),
];
const NO_RANGE: &str = "the server answers with the whole where a range is asked for";

fn in_short(words: &str) -> String {
    let line = words.lines().next().unwrap_or_default();
    line.chars().take(MOST_SAID).collect()
}

const MOST_SAID: usize = 200;

/// Only its server can tell: unlike other compression it begins with nothing that is its own.
fn is_brotli(result: &GetResult) -> bool {
    let encoding = result.attributes.get(&Attribute::ContentEncoding);
    let is_brotli = |encoding: &str| encoding.trim().eq_ignore_ascii_case("br");
    encoding.is_some_and(|encodings| encodings.split(',').any(is_brotli))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_a_bound() {
        let pauses: Vec<_> = (1..12).map(|tries| pause(tries).as_millis()).collect();
        assert_eq!(pauses[..3], [100, 200, 400]);
        assert!(pauses.is_sorted() && pauses[10] == 10_000, "{pauses:?}");
        assert_eq!(pause(4000), LONGEST_PAUSE);
    }

    #[test]
    fn a_weak_tag_is_compared_by_us_alone() {
        let version = |tag: Option<&str>| Version {
            length: 3,
            tag: tag.map(str::to_owned),
        };
        assert!(version(Some("\"a\"")).strong_tag().is_some());
        assert!(version(Some("W/\"a\"")).strong_tag().is_none());
        assert!(version(Some("W/\"a\"")).is_told());
        assert_eq!(version(None).to_string(), "");
    }
}
