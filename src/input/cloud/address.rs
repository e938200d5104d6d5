//! Addresses, as they were typed. A key is taken literally, as the stores' own programs do; what
//! is on the web keeps its query, which may be what lets it be read.

use object_store::path::Path;

use crate::input::address::{authority_of, end_of_user};
use crate::place::Printable;

/// What was typed, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    typed: String,
    pub(super) store: StoreName,
    /// Behind the store's name and its slash.
    pub(super) key: String,
}

/// Where objects are.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum StoreName {
    S3 {
        bucket: String,
    },
    Google {
        bucket: String,
    },
    /// The address up to the key: it may hold the account.
    Azure {
        container: String,
    },
    /// The whole address: on the web each is a store of its own.
    Web {
        url: String,
    },
}

impl Address {
    /// Takes an address with this scheme apart.
    ///
    /// # Errors
    /// The sentence that says what to change.
    pub fn of(typed: &str, scheme: &str) -> Result<Self, String> {
        let rest = &typed[scheme.len() + "://".len()..];
        let (name, key) = rest.split_once('/').unwrap_or((rest, ""));
        if name.is_empty() {
            return Err(format!("`{typed}` names no bucket or host"));
        }
        if has_password(scheme, rest) {
            return Err(
                "an address with a password in it would be in every record; leave it out"
                    .to_owned(),
            );
        }
        let bucket = name.to_owned();
        let store = match scheme {
            "s3" | "s3a" => StoreName::S3 { bucket },
            "gs" => StoreName::Google { bucket },
            "http" | "https" => StoreName::Web {
                url: typed.to_owned(),
            },
            _ => StoreName::Azure {
                container: format!("{scheme}://{name}"),
            },
        };
        if matches!(store, StoreName::Web { .. }) {
            return Ok(Self {
                typed: typed.to_owned(),
                store,
                key: String::new(),
            });
        }
        let address = Self {
            typed: typed.to_owned(),
            store,
            key: key.to_owned(),
        };
        match address.path() {
            Ok(_) => Ok(address),
            Err(why) => Err(format!("`{}`: {why}", Printable(typed))),
        }
    }

    /// The object, or the prefix without the slash at its end.
    pub(super) fn path(&self) -> Result<Path, &'static str> {
        match self.key.strip_suffix('/') {
            Some(prefix) if self.is_prefix() && !prefix.is_empty() => path_of(prefix),
            _ => path_of(&self.key),
        }
    }

    /// As it was typed.
    pub fn as_str(&self) -> &str {
        &self.typed
    }

    /// Whether it stands for all objects that begin so. A server on the web cannot list.
    pub(super) fn is_prefix(&self) -> bool {
        let is_open = self.key.is_empty() || self.key.ends_with('/');
        is_open && !matches!(self.store, StoreName::Web { .. })
    }

    /// The name of an object below this prefix.
    pub(super) fn name_of(&self, key: &str) -> String {
        let below = key.strip_prefix(self.key.as_str()).unwrap_or(key);
        let slash = match self.typed.ends_with('/') {
            true => "",
            false => "/",
        };
        format!("{}{slash}{below}", self.typed)
    }
}

/// Whether what stands behind the scheme begins with who asks. Azure's names the container there.
fn has_password(scheme: &str, rest: &str) -> bool {
    match scheme {
        "az" | "abfs" | "abfss" if !authority_of(rest).contains(':') => false,
        _ => end_of_user(scheme, rest).is_some(),
    }
}

/// What asks the library for the object of this key, and for no other: it takes a slash off each
/// end. The error says why there is none.
pub(super) fn path_of(key: &str) -> Result<Path, &'static str> {
    match Path::parse(key) {
        Ok(path) if path.as_ref() == key => Ok(path),
        Ok(_) => Err("a key with a slash at its beginning or end cannot be read"),
        Err(_) if key.contains(|char: char| char.is_ascii_control()) => {
            Err("a key with a line end or another control character cannot be read")
        }
        Err(_) => Err("a key with `//`, `.` or `..` between slashes cannot be read"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(typed: &str) -> Result<Address, String> {
        Address::of(typed, typed.split_once("://").unwrap().0)
    }

    #[test]
    fn a_key_is_taken_as_it_was_typed() {
        let address = of("s3://bucket/a b/50%25?x#y.txt").unwrap();
        assert_eq!(address.key, "a b/50%25?x#y.txt");
        assert!(!address.is_prefix());
        assert!(of("https://example.org/a//b/../c?d=/").is_ok());
        assert!(of("https://example.org?mail=me@example.org").is_ok());
        assert!(of("https://example.org:80/me@example.org").is_ok());
        assert!(of("s3://bucket/me@example.org").is_ok());
        assert!(of("abfss://box@a.dfs.core.windows.net/p").is_ok());
        assert!(of("abfss://box@a.dfs.core.windows.net/me:you@p").is_ok());
        for wrong in [
            "s3:///key",
            "s3://bucket/a//b",
            "s3://bucket//a",
            "s3://bucket//",
            "s3://bucket/a//",
            "s3://bucket/a\nb",
            "gs://bucket/../b",
            "https://me:secret@example.org/dump",
            "https://me:secret@example.org?dump",
            "s3://KEY:secret@bucket/key",
            "s3://KEY:se/cret@bucket/key",
            "gs://KEY:se?cr/et@bucket/key",
            "https://me:se/cret@example.org/dump",
            "abfss://box:secret@a.dfs.core.windows.net/p",
            "abfss://box:se/cret@a.dfs.core.windows.net/p",
        ] {
            assert!(of(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_prefix_ends_in_a_slash_and_its_objects_have_what_comes_behind() {
        for (typed, key, name) in [
            ("s3://bucket/pages/", "pages/a/x", "s3://bucket/pages/a/x"),
            ("s3://bucket/", "a/x", "s3://bucket/a/x"),
            ("s3://bucket", "a/x", "s3://bucket/a/x"),
            (
                "abfss://c@a.dfs.core.windows.net/p/",
                "p/x",
                "abfss://c@a.dfs.core.windows.net/p/x",
            ),
        ] {
            let address = of(typed).unwrap();
            assert!(address.is_prefix());
            assert_eq!(address.name_of(key), name);
        }
        assert!(!of("https://example.org/").unwrap().is_prefix());
    }
}
