//! Stores, opened as the environment says: the variables that each store's own programs read.
//!
//! Every request goes by [`Watched`], which notes the answer's status: the library's errors keep
//! it to themselves. The library also tries again by itself, which is taken from it: it cannot
//! tell an object that has changed from a connection that was cut.

use std::env;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::time::Duration;

use futures_util::StreamExt;
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
    ReqwestConnector,
};
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::http::HttpBuilder;
use object_store::list::PaginatedListStore;
use object_store::{ClientOptions, ObjectStore, RetryConfig};
use tokio::time::timeout;

use super::address::StoreName;
use super::listing::{self, GoesOn, Guarded};
use super::settings::refuse_unfit;

/// Without an answer from a new store it is given up sooner: its name may be mistyped.
const TRIES_BEFORE_AN_ANSWER: u32 = 4;
/// A minute of them, as the pauses between them grow.
const TRIES: u32 = 12;

/// A server on the web may take so long between two pieces of an answer.
const SILENCE: Duration = Duration::from_secs(30);

/// Of an answer that is an error.
const MOST_WORDS: usize = 64 << 10;
const WORDS_TIME: Duration = Duration::from_secs(5);

/// A bucket, a container, or one address on the web.
pub struct Store {
    name: StoreName,
    /// What reads objects.
    pub objects: Arc<dyn ObjectStore>,
    /// What lists them; none on the web.
    pub lists: Option<Arc<dyn PaginatedListStore>>,
    /// It has answered something.
    pub has_answered: AtomicBool,
    tries: Option<u32>,
}

impl Store {
    /// Opens a store; it is not asked anything yet.
    ///
    /// # Errors
    /// What the environment says of it makes no request, or does not fit together.
    pub fn open(name: &StoreName) -> io::Result<Self> {
        refuse_unfit(name).map_err(io::Error::other)?;
        // Fails where someone has installed one before, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let is_s3 = matches!(name, StoreName::S3 { .. });
        let said = env::var("AWS_MAX_ATTEMPTS").ok().filter(|_| is_s3);
        let (objects, lists) = built(name)?;
        Ok(Self {
            name: name.clone(),
            objects,
            lists,
            has_answered: AtomicBool::new(false),
            tries: said.and_then(|said| said.parse().ok()),
        })
    }

    /// How often a request is made before it is given up.
    pub fn tries(&self) -> u32 {
        let has_answered = self.has_answered.load(Ordering::Relaxed);
        self.tries.unwrap_or(match has_answered {
            true => TRIES,
            false => TRIES_BEFORE_AN_ANSWER,
        })
    }

    /// The variable that lets it be read without TLS; on the web the address says that.
    pub fn without_tls(&self) -> Option<&'static str> {
        match self.name {
            StoreName::S3 { .. } => Some("AWS_ALLOW_HTTP"),
            StoreName::Google { .. } => Some("GOOGLE_ALLOW_HTTP"),
            StoreName::Azure { .. } => Some("AZURE_ALLOW_HTTP"),
            StoreName::Web { .. } => None,
        }
    }

    /// What to set where nobody says who asks.
    pub fn credentials(&self) -> &'static str {
        match self.name {
            StoreName::S3 { .. } => {
                "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_SKIP_SIGNATURE=true for \
                 what is public"
            }
            StoreName::Google { .. } => {
                "set GOOGLE_APPLICATION_CREDENTIALS, or GOOGLE_SKIP_SIGNATURE=true for what is public"
            }
            StoreName::Azure { .. } => {
                "set AZURE_STORAGE_ACCOUNT_KEY, or AZURE_SKIP_SIGNATURE=true for what is public"
            }
            StoreName::Web { .. } => {
                "the server wants to know who asks, and that cannot be told it"
            }
        }
    }
}

type Built = (Arc<dyn ObjectStore>, Option<Arc<dyn PaginatedListStore>>);

fn built(name: &StoreName) -> io::Result<Built> {
    let never_again = RetryConfig {
        max_retries: 0,
        ..RetryConfig::default()
    };
    let built: object_store::Result<Built> = match name {
        StoreName::S3 { bucket } => AmazonS3Builder::from_env()
            .with_bucket_name(bucket)
            .with_retry(never_again)
            .with_http_connector(Watching)
            .build()
            .map(listing),
        StoreName::Google { bucket } => GoogleCloudStorageBuilder::from_env()
            .with_bucket_name(bucket)
            .with_retry(never_again)
            .with_http_connector(Watching)
            .build()
            .map(listing),
        StoreName::Azure { container } => MicrosoftAzureBuilder::from_env()
            .with_url(container)
            .with_retry(never_again)
            .with_http_connector(Watching)
            .build()
            .map(listing),
        StoreName::Web { url } => HttpBuilder::new()
            .with_url(url)
            .with_client_options(for_the_web(url))
            .with_retry(never_again)
            .with_http_connector(Watching)
            .build()
            .map(|store| (Arc::new(store) as _, None)),
    };
    built.map_err(|error| match error.to_string() {
        words if words.ends_with("Account must be specified") => {
            io::Error::other("no account is named; set AZURE_STORAGE_ACCOUNT_NAME")
        }
        _ => io::Error::other(error),
    })
}

fn listing(store: impl ObjectStore + PaginatedListStore) -> Built {
    let store = Arc::new(store);
    (Arc::clone(&store) as _, Some(store as _))
}

/// No bound for a whole answer: where a server knows no ranges, that is the whole object.
fn for_the_web(url: &str) -> ClientOptions {
    ClientOptions::new()
        .with_timeout_disabled()
        .with_read_timeout(SILENCE)
        .with_allow_http(url.starts_with("http://"))
}

/// What became of a request: nothing was asked yet, nothing was answered, or the answer's status.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    status: Arc<AtomicU16>,
    /// The answer is a list, which the library reads amiss.
    is_list: bool,
}

impl Seen {
    const ASKED: u16 = 1;

    pub fn of_a_list() -> Self {
        Self {
            is_list: true,
            ..Self::default()
        }
    }

    /// Whether the store was asked at all; before that, someone is asked who asks.
    pub fn is_asked(&self) -> bool {
        self.status.load(Ordering::Relaxed) >= Self::ASKED
    }

    pub fn status(&self) -> Option<u16> {
        let status = self.status.load(Ordering::Relaxed);
        (status > Self::ASKED).then_some(status)
    }
}

#[derive(Debug)]
struct Watching;

impl HttpConnector for Watching {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let client = ReqwestConnector::default().connect(options)?;
        Ok(HttpClient::new(Watched(client)))
    }
}

#[derive(Debug)]
struct Watched(HttpClient);

type Answering<'f> = Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'f>>;

impl HttpService for Watched {
    // As the library's macro would write it.
    fn call<'s, 'f>(&'s self, request: HttpRequest) -> Answering<'f>
    where
        's: 'f,
        Self: 'f,
    {
        Box::pin(async move {
            let seen = request
                .extensions()
                .get::<Seen>()
                .cloned()
                .unwrap_or_default();
            seen.status.store(Seen::ASKED, Ordering::Relaxed);
            let response = self.0.execute(request).await?;
            let status = response.status();
            seen.status.store(status.as_u16(), Ordering::Relaxed);
            match status.is_success() {
                true if seen.is_list => guarded(response).await,
                true => Ok(response),
                false => Ok(bounded(response).await),
            }
        })
    }
}

/// An answer that is an error says so in its first line. What comes behind that only names it, and
/// is taken as far as it comes soon and is small.
async fn bounded(response: HttpResponse) -> HttpResponse {
    let (parts, body) = response.into_parts();
    let mut words = Vec::new();
    let mut pieces = body.bytes_stream();
    let reading = async {
        while words.len() < MOST_WORDS
            && let Some(Ok(piece)) = pieces.next().await
        {
            let room = MOST_WORDS - words.len();
            words.extend_from_slice(&piece[..piece.len().min(room)]);
        }
    };
    // The words that came before the time was over are kept.
    let _ = timeout(WORDS_TIME, reading).await;
    HttpResponse::from_parts(parts, words.into())
}

async fn guarded(response: HttpResponse) -> Result<HttpResponse, HttpError> {
    let (mut parts, body) = response.into_parts();
    let Guarded { list, goes_on } = listing::guarded(&body.bytes().await?)
        .map_err(|error| HttpError::new(HttpErrorKind::Decode, error))?;
    if goes_on {
        parts.extensions.insert(GoesOn);
    }
    Ok(HttpResponse::from_parts(parts, list.into()))
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.debug_tuple("Store").field(&self.name).finish()
    }
}
