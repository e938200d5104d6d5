//! What the environment and an address say of a store, before the library is told it: it panics
//! where that makes no request.

use std::env;

use super::address::StoreName;

/// The variables of a store that go into requests.
struct Variables {
    /// Those that name its server.
    servers: &'static [&'static str],
    /// Those of one word.
    words: &'static [&'static str],
}

const S3: Variables = Variables {
    servers: &["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT"],
    words: &[
        "AWS_ACCESS_KEY_ID",
        "AWS_SESSION_TOKEN",
        "AWS_TOKEN",
        "AWS_REGION",
        "AWS_DEFAULT_REGION",
    ],
};

const GOOGLE: Variables = Variables {
    servers: &["GOOGLE_BASE_URL"],
    words: &["GOOGLE_BEARER_TOKEN"],
};

const AZURE: Variables = Variables {
    servers: &["AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT"],
    words: &["AZURE_STORAGE_ACCOUNT_NAME", "AZURE_STORAGE_TOKEN"],
};

/// Refuses what no request can be made of, with the sentence that says what to change. No value is
/// in it, for some are secret.
pub fn refuse_unfit(store: &StoreName) -> Result<(), String> {
    let variables = match store {
        StoreName::S3 { .. } => S3,
        StoreName::Google { .. } => GOOGLE,
        StoreName::Azure { .. } => AZURE,
        StoreName::Web { .. } => return Ok(()),
    };
    if let StoreName::S3 { bucket } | StoreName::Google { bucket } = store
        && !is_bucket(bucket)
    {
        return Err(
            "no bucket has such a name; it is of letters, digits, `.`, `-` and `_`".to_owned(),
        );
    }
    let is_unfit = |name: &str, is_fit: fn(&str) -> bool| {
        // What is no text, the library does not take.
        env::var(name).is_ok_and(|value| !is_fit(&value))
    };
    if let Some(name) = variables
        .servers
        .iter()
        .find(|name| is_unfit(name, is_server))
    {
        return Err(format!(
            "{name} is no address of a server; set it to one such as http://localhost:9000, or \
             not at all"
        ));
    }
    match variables.words.iter().find(|name| is_unfit(name, is_word)) {
        Some(name) => Err(format!(
            "{name} has a blank, a line end or another such character in it; take that out"
        )),
        None => Ok(()),
    }
}

/// With the colon of those that have an owner's name in front.
fn is_bucket(name: &str) -> bool {
    name.bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b".-_:".contains(&byte))
}

fn is_word(value: &str) -> bool {
    value.bytes().all(|byte| byte.is_ascii_graphic())
}

fn is_server(value: &str) -> bool {
    // What reqwest reads as a host, the library does not: `http:host`, `http:///host`.
    let has_host = value.split_once("://").is_some_and(|(scheme, rest)| {
        ["http", "https"].contains(&scheme) && !rest.starts_with(['/', '\\'])
    });
    has_host && is_word(value) && reqwest::Url::parse(value).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_has_a_scheme_and_a_host() {
        for server in [
            "http://localhost:9000",
            "https://me:secret@s3.example.org/path/",
            "http://[::1]:9000",
        ] {
            assert!(is_server(server), "{server}");
        }
        for other in [
            "",
            "localhost",
            "localhost:9000",
            "http:localhost",
            "http://",
            "http:///bucket",
            "ftp://localhost",
            "http://localhost:99999",
            "http://localhost:9000 ",
            "http://local host",
            "http://localhost\r",
        ] {
            assert!(!is_server(other), "{other}");
        }
    }
}
