//! Google's and Azure's stores. No server by others speaks for them here: the server of `server.rs`
//! answers as their references say, with the words that they use.
//!
//! <https://cloud.google.com/storage/docs/xml-api>,
//! <https://learn.microsoft.com/rest/api/storageservices/blob-service-rest-api>

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::faults::are_asked_for_once;
use crate::server::{Answer, Request, Server, date};
use crate::{Variable, is_said_to_be_missing, messages, renamed, run, run_with, world};

/// A key and a length.
type Listed = (String, u64);

/// What one of them says in its own way.
struct Language {
    /// The address of all that is there.
    address: &'static str,
    /// That of a store that is not there.
    absent: &'static str,
    /// Where the server has what is there.
    path: &'static str,
    /// What a key keeps in a request beside letters and digits.
    kept: &'static str,
    /// A request with this lists.
    lists: &'static str,
    /// What goes on with a list.
    token: &'static str,
    list: fn(&[Listed], Option<usize>) -> String,
    no_object: &'static str,
    no_store: &'static str,
    refused: &'static str,
    /// What is to be set where nobody says who asks.
    advice: &'static str,
    /// What every answer has.
    header: (&'static str, &'static str),
    /// The variables that name a server, and those that name a machine's.
    server: fn(&Server) -> Vec<Variable>,
    machine: fn(&Server) -> Variable,
    /// What the machine is asked for who asks, and what it answers.
    identity: (&'static str, &'static str),
}

const GOOGLE: Language = Language {
    address: "gs://bucket/",
    absent: "gs://absent/",
    path: "/bucket",
    kept: "",
    lists: "list-type=2",
    token: "continuation-token",
    list: google_list,
    no_object: "NoSuchKey",
    no_store: "NoSuchBucket",
    refused: "AccessDenied",
    advice: "set GOOGLE_APPLICATION_CREDENTIALS, or GOOGLE_SKIP_SIGNATURE=true",
    header: ("x-goog-generation", "1767225600000000"),
    server: |server| vec![("GOOGLE_BASE_URL", server.url(""))],
    machine: |server| ("GCE_METADATA_HOST", format!("127.0.0.1:{}", server.port)),
    identity: (
        "/computeMetadata/v1/instance/service-accounts/default/token",
        "{\"access_token\":\"of-the-machine\",\"expires_in\":3599,\"token_type\":\"Bearer\"}",
    ),
};

const AZURE: Language = Language {
    address: "az://box/",
    absent: "az://absent/",
    path: "/box",
    kept: "/.-_",
    lists: "restype=container&comp=list",
    token: "marker",
    list: azure_list,
    no_object: "BlobNotFound",
    no_store: "ContainerNotFound",
    refused: "AuthorizationPermissionMismatch",
    advice: "set AZURE_STORAGE_ACCOUNT_KEY, or AZURE_SKIP_SIGNATURE=true",
    header: ("x-ms-blob-type", "BlockBlob"),
    server: |server| {
        vec![
            ("AZURE_STORAGE_ENDPOINT", server.url("")),
            ("AZURE_ALLOW_HTTP", "true".to_owned()),
            ("AZURE_STORAGE_ACCOUNT_NAME", "account".to_owned()),
        ]
    },
    machine: |server| ("IDENTITY_ENDPOINT", server.url(AZURE.identity.0)),
    identity: (
        "/metadata/identity/oauth2/token",
        "{\"access_token\":\"of-the-machine\",\"expires_on\":\"4102444800\",\
         \"resource\":\"https://storage.azure.com/\",\"token_type\":\"Bearer\"}",
    ),
};

/// A key with a slash at its end is the mark of a folder.
fn google_list(objects: &[Listed], next: Option<usize>) -> String {
    let mut list = format!(
        "<?xml version='1.0' encoding='UTF-8'?>\
         <ListBucketResult xmlns='http://doc.s3.amazonaws.com/2006-03-01'><Name>bucket</Name>\
         <KeyCount>{}</KeyCount><IsTruncated>{}</IsTruncated>",
        objects.len(),
        next.is_some()
    );
    if let Some(next) = next {
        write!(
            list,
            "<NextContinuationToken>{next}</NextContinuationToken>"
        )
        .unwrap();
    }
    for (key, length) in objects {
        write!(
            list,
            "<Contents><Key>{key}</Key><Generation>1767225600000000</Generation>\
             <MetaGeneration>1</MetaGeneration><LastModified>2026-01-01T00:00:00.000Z</LastModified>\
             <ETag>\"first\"</ETag><Size>{length}</Size></Contents>"
        )
        .unwrap();
    }
    list + "</ListBucketResult>"
}

/// With Azure's mark before the first byte, and its tags, which have no quotation marks in a list.
fn azure_list(objects: &[Listed], next: Option<usize>) -> String {
    let mut list = "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?>\
        <EnumerationResults ServiceEndpoint=\"https://account.blob.core.windows.net/\" \
        ContainerName=\"box\"><Blobs>"
        .to_owned();
    for (key, length) in objects {
        let (key, kind) = match key.strip_suffix('/') {
            Some(folder) => (folder, "directory"),
            None => (key.as_str(), "file"),
        };
        write!(
            list,
            "<Blob><Name>{key}</Name><Properties><Creation-Time>{date}</Creation-Time>\
             <Last-Modified>{date}</Last-Modified><Etag>first</Etag><ResourceType>{kind}</ResourceType>\
             <Content-Length>{length}</Content-Length><Content-Type /><Content-Encoding />\
             <Content-Language /><BlobType>BlockBlob</BlobType></Properties><OrMetadata /></Blob>",
            date = date(1)
        )
        .unwrap();
    }
    let next = next.map(|next| next.to_string()).unwrap_or_default();
    list + &format!("</Blobs><NextMarker>{next}</NextMarker></EnumerationResults>")
}

/// Objects of a list that come in one answer.
const PART: usize = 25;

impl Language {
    /// A server with the files below a folder, by their names.
    fn serve(&'static self, folder: &Path) -> Server {
        let mut files = Vec::new();
        read_below(folder, "", &mut files);
        let list = files
            .iter()
            .map(|(key, bytes)| (key.clone(), bytes.len() as u64))
            .collect::<Vec<_>>();
        let (identity, token) = self.identity;
        let mut objects: Vec<_> = files
            .iter()
            .map(|(key, bytes)| (self.target(key), bytes.as_slice()))
            .collect();
        objects.push((identity.to_owned(), token.as_bytes()));
        let objects: Vec<_> = objects
            .iter()
            .map(|(path, bytes)| (path.as_str(), *bytes))
            .collect();
        Server::start(&objects, move |request, answer| {
            self.answered(request, answer, &list)
        })
    }

    /// What a key is asked for by.
    fn target(&self, key: &str) -> String {
        let mut target = format!("{}/", self.path);
        for byte in key.bytes() {
            let is_kept = byte.is_ascii_alphanumeric() || self.kept.contains(char::from(byte));
            match is_kept {
                true => target.push(char::from(byte)),
                false => write!(target, "%{byte:02X}").unwrap(),
            }
        }
        target
    }

    fn answered(&self, request: &Request, answer: Answer, all: &[Listed]) -> Answer {
        let path = request.target.split('?').next().unwrap();
        let is_there = path == self.path || path.starts_with(&format!("{}/", self.path));
        let mut answer = match answer.status {
            404 if !is_there => wrong(404, self.no_store),
            404 if request.target.contains(self.lists) => self.listed(request, all),
            404 => wrong(404, self.no_object),
            _ => answer,
        };
        let (name, value) = self.header;
        answer.headers.insert(name, value.to_owned());
        answer
    }

    fn listed(&self, request: &Request, all: &[Listed]) -> Answer {
        let prefix = asked(request, "prefix").unwrap_or_default();
        let prefix = prefix.replace("%2F", "/");
        let below: Vec<_> = all
            .iter()
            .filter(|(key, _)| key.starts_with(&prefix))
            .cloned()
            .collect();
        let start = asked(request, self.token).map_or(0, |token| token.parse().unwrap());
        let end = below.len().min(start + PART);
        let next = (end < below.len()).then_some(end);
        Answer {
            body: (self.list)(&below[start..end], next).into_bytes(),
            ..Answer::status(200)
        }
    }

    /// The variables of a run where the machine says who asks.
    fn on_its_machine(&self, server: &Server) -> Vec<Variable> {
        [(self.server)(server), vec![(self.machine)(server)]].concat()
    }
}

/// The files of a folder in the byte order of their keys, after the folder's mark.
fn read_below(folder: &Path, prefix: &str, files: &mut Vec<(String, Vec<u8>)>) {
    if !prefix.is_empty() {
        files.push((prefix.to_owned(), Vec::new()));
    }
    let mut entries: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    for path in entries {
        let key = format!("{prefix}{}", path.file_name().unwrap().to_str().unwrap());
        match path.is_dir() {
            true => read_below(&path, &format!("{key}/"), files),
            false => files.push((key, fs::read(path).unwrap())),
        }
    }
}

/// A parameter of a request, as it was sent.
fn asked<'r>(request: &'r Request, name: &str) -> Option<&'r str> {
    let (_, query) = request.target.split_once('?')?;
    query
        .split('&')
        .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}

/// What is wrong, as both of them say it.
fn wrong(status: u16, code: &str) -> Answer {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>{code}</Code>\
         <Message>It is so.\nRequestId:1\nTime:2026-01-01T00:00:00.0000000Z</Message></Error>"
    );
    Answer {
        body: body.into_bytes(),
        ..Answer::status(status)
    }
}

#[test]
fn google_and_azure_give_what_files_give() {
    let folder = tempfile::tempdir().unwrap();
    let large = world::crawl(0..1000, 24);
    fs::write(folder.path().join("large.txt"), large).unwrap();
    fs::create_dir_all(folder.path().join("pages/more")).unwrap();
    for (number, page) in world::pages(0..40, 3).iter().enumerate() {
        let more = if number % 2 == 0 { "more/" } else { "" };
        let name = format!("pages/{more}{number:02} of them.txt");
        fs::write(folder.path().join(name), page).unwrap();
    }
    for language in [&GOOGLE, &AZURE] {
        let server = language.serve(folder.path());
        let environment = language.on_its_machine(&server);
        for input in ["large.txt", "pages/"] {
            let local = run(folder.path(), &[], &["--quiet", input]);
            let address = format!("{}{input}", language.address);
            let stored = run_with(folder.path(), &environment, &["--quiet", &address]);
            assert_eq!(messages(&stored), "");
            assert_eq!(stored.status.code(), Some(0));
            assert!(local.stdout.len() > 10_000);
            let records = renamed(&stored.stdout, language.address, "");
            assert!(records.as_bytes() == local.stdout, "{address}");
        }
        let (identity, _) = language.identity;
        let requests: Vec<_> = server
            .requests()
            .into_iter()
            .filter(|request| !request.target.starts_with(identity))
            .collect();
        for request in &requests {
            assert_eq!(request.method, "GET");
            let authorization = request.authorization.as_deref();
            assert_eq!(authorization, Some("Bearer of-the-machine"));
        }
        let of_large: Vec<_> = requests
            .iter()
            .filter(|request| request.target == language.target("large.txt"))
            .cloned()
            .collect();
        are_asked_for_once(&of_large);
        let lists: Vec<_> = requests
            .iter()
            .filter(|request| request.target.contains(language.lists))
            .map(|request| (asked(request, "prefix"), asked(request, language.token)))
            .collect();
        let prefix = Some("pages%2F");
        assert_eq!(
            lists,
            [(prefix, None), (prefix, Some("25")), (prefix, Some("50"))]
        );
    }
}

#[test]
fn what_google_and_azure_do_not_have_is_said_and_the_rest_is_read() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("page"), &world::pages(1..2, 3)[0]).unwrap();
    for language in [&GOOGLE, &AZURE] {
        let server = language.serve(folder.path());
        let environment = language.on_its_machine(&server);
        let Language {
            address,
            absent,
            no_object,
            no_store,
            ..
        } = language;
        for (missing, said) in [
            (
                format!("{address}none"),
                format!("it is not there (404 {no_object})"),
            ),
            (
                format!("{absent}key"),
                format!("it is not there (404 {no_store})"),
            ),
            (format!("{address}none/"), "nothing is there".to_owned()),
            (
                (*absent).to_owned(),
                format!("it is not there (404 {no_store})"),
            ),
        ] {
            let there = format!("{address}page");
            is_said_to_be_missing(folder.path(), &environment, &missing, &said, &there);
        }
    }
}

#[test]
fn the_mark_of_a_folder_is_no_input() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("pages")).unwrap();
    let page = world::pages(1..2, 3).remove(0);
    fs::write(folder.path().join("pages/page"), page).unwrap();
    for language in [&GOOGLE, &AZURE] {
        let server = language.serve(folder.path());
        let environment = language.on_its_machine(&server);
        let address = format!("{}pages/", language.address);
        let output = run_with(folder.path(), &environment, &["--dry-run", &address]);
        assert_eq!(messages(&output), "");
        let plan = String::from_utf8(output.stdout).unwrap();
        assert_eq!(plan.matches(&address).count(), 1, "{plan}");
    }
}

#[test]
fn a_store_that_is_busy_is_asked_for_its_list_again() {
    let page = world::pages(1..2, 3).remove(0);
    let target = GOOGLE.target("pages/a");
    let list = [("pages/a".to_owned(), page.len() as u64)];
    // More often than a store is asked that has never answered.
    let server = Server::start(
        &[(&target, page.as_bytes())],
        move |request, answer| match request.number {
            0..5 => wrong(503, "ServiceUnavailable"),
            _ => GOOGLE.answered(request, answer, &list),
        },
    );
    let environment = [
        (GOOGLE.server)(&server),
        vec![("GOOGLE_SKIP_SIGNATURE", "true".to_owned())],
    ]
    .concat();
    let output = run_with(
        Path::new("."),
        &environment,
        &["--quiet", "gs://bucket/pages/"],
    );
    assert_eq!(messages(&output), "");
    assert_eq!(str::from_utf8(&output.stdout).unwrap().lines().count(), 1);
}

#[test]
fn what_google_and_azure_refuse_is_said_with_what_to_set() {
    let folder = tempfile::tempdir().unwrap();
    for language in [&GOOGLE, &AZURE] {
        let server = Server::start(&[], |_, _| wrong(403, language.refused));
        let nobody = Server::start(&[], |_, _| Answer::status(404));
        let refused = [
            (language.server)(&server),
            vec![
                ("GOOGLE_SKIP_SIGNATURE", "true".to_owned()),
                ("AZURE_SKIP_SIGNATURE", "true".to_owned()),
            ],
        ]
        .concat();
        let unknown = [
            (language.server)(&server),
            vec![
                (language.machine)(&nobody),
                ("GCE_METADATA_IP", format!("127.0.0.1:{}", nobody.port)),
            ],
        ]
        .concat();
        for (environment, says) in [
            (
                refused,
                format!("it may not be read (403 {})", language.refused),
            ),
            (unknown, "there are no credentials (".to_owned()),
        ] {
            for key in ["page", "pages/"] {
                let address = format!("{}{key}", language.address);
                let output = run_with(folder.path(), &environment, &["--quiet", &address]);
                assert_eq!(output.status.code(), Some(1));
                let said = messages(&output);
                let begins = format!("citesift: {address}: {says}");
                assert!(said.starts_with(&begins), "{said}");
                assert!(said.contains(&format!("; {}", language.advice)), "{said}");
                assert_eq!(said.lines().count(), 1, "{said}");
            }
        }
        let asked = server.requests();
        assert!(asked.iter().all(|request| request.authorization.is_none()));
        assert_eq!(asked.len(), 2, "without credentials nobody is asked");
    }
}

#[test]
fn azure_without_an_account_is_said() {
    let output = run(Path::new("."), &[], &["--quiet", "az://box/page"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        messages(&output),
        "citesift: az://box/page: no account is named; set AZURE_STORAGE_ACCOUNT_NAME\n"
    );
}

#[test]
fn google_and_azure_without_tls_are_read_only_when_that_is_allowed() {
    for (language, variable) in [(&GOOGLE, "GOOGLE_ALLOW_HTTP"), (&AZURE, "AZURE_ALLOW_HTTP")] {
        let server = Server::start(&[], |_, answer| answer);
        let mut environment = (language.server)(&server);
        environment.retain(|(name, _)| *name != variable);
        environment.extend([
            ("GOOGLE_ALLOW_HTTP", "false".to_owned()),
            ("GOOGLE_SKIP_SIGNATURE", "true".to_owned()),
            ("AZURE_SKIP_SIGNATURE", "true".to_owned()),
        ]);
        for key in ["page", "pages/"] {
            let address = format!("{}{key}", language.address);
            let output = run_with(Path::new("."), &environment, &["--quiet", &address]);
            assert_eq!(output.status.code(), Some(1));
            let said = messages(&output);
            let begins = format!("citesift: {address}: it cannot be reached");
            assert!(said.starts_with(&begins), "{said}");
            assert!(said.contains(&format!("set {variable}=true for")), "{said}");
        }
        assert!(server.requests().is_empty());
    }
}

/// Who asks, in each way that an environment can say it: the variables, and what is sent.
#[test]
fn who_asks_is_told_as_google_and_azure_want_it() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("page"), &world::pages(1..2, 3)[0]).unwrap();
    let page = fs::read(folder.path().join("page")).unwrap();
    let paths = ["/bucket/page", "/box/page", "/devstoreaccount1/box/page"];
    let server = Server::start(&paths.map(|path| (path, page.as_slice())), |_, answer| {
        answer
    });
    let emulated = serde_json::json!({
        "private_key": "", "private_key_id": "", "client_email": "",
        "gcs_base_url": server.url(""), "disable_oauth": true,
    });
    fs::write(folder.path().join("emulated.json"), emulated.to_string()).unwrap();
    let variable = |name: &'static str, value: &str| vec![(name, value.to_owned())];
    let google = |more| {
        (
            "gs://bucket/page",
            [(GOOGLE.server)(&server), more].concat(),
        )
    };
    let azure = |more| ("az://box/page", [(AZURE.server)(&server), more].concat());
    let with_account = variable("GOOGLE_SERVICE_ACCOUNT", "emulated.json");
    let emulator = vec![
        ("AZURE_STORAGE_USE_EMULATOR", "true".to_owned()),
        ("AZURITE_BLOB_STORAGE_URL", server.url("")),
    ];
    // Of a request its authorization up to the signature, and its target. The machine's word and
    // a signed token have tests of their own.
    for ((address, environment), authorization, target) in [
        (
            google(variable("GOOGLE_SKIP_SIGNATURE", "true")),
            None,
            "/bucket/page",
        ),
        (("gs://bucket/page", with_account), None, "/bucket/page"),
        (
            azure(variable("AZURE_SKIP_SIGNATURE", "true")),
            None,
            "/box/page",
        ),
        (
            azure(variable("AZURE_STORAGE_ACCOUNT_KEY", "c2VjcmV0")),
            Some("SharedKey account"),
            "/box/page",
        ),
        (
            azure(variable("AZURE_STORAGE_SAS_KEY", "?sp=r&sig=se%2Bcret")),
            None,
            "/box/page?sp=r&sig=se%2Bcret",
        ),
        (
            ("az://box/page", emulator),
            Some("SharedKey devstoreaccount1"),
            "/devstoreaccount1/box/page",
        ),
    ] {
        let output = run_with(folder.path(), &environment, &["--quiet", address]);
        assert_eq!(messages(&output), "");
        assert_eq!(str::from_utf8(&output.stdout).unwrap().lines().count(), 1);
        let request = server.requests().pop().unwrap();
        assert_eq!(request.target, target);
        let sent = request.authorization.as_deref();
        assert_eq!(sent.and_then(|sent| sent.split(':').next()), authorization);
    }
}

#[test]
fn a_signed_query_of_azure_is_in_no_message() {
    for status in [400, 403, 404] {
        let server = Server::start(&[], move |_, _| Answer::status(status));
        let mut environment = (AZURE.server)(&server);
        environment.push(("AZURE_STORAGE_SAS_KEY", "sp=r&sig=secret".to_owned()));
        for address in ["az://box/page", "az://box/pages/"] {
            let output = run_with(Path::new("."), &environment, &["--quiet", address]);
            assert_eq!(output.status.code(), Some(1));
            let said = messages(&output);
            assert!(said.contains(address) && !said.contains("secret"), "{said}");
        }
        assert!(server.requests()[0].target.contains("sig=secret"));
    }
}

/// With a key that is made for it, where there is a Python that can make one.
#[test]
fn a_service_account_of_google_signs_who_it_is() {
    const MAKE: &str = "
from cryptography.hazmat.primitives import serialization as s
from cryptography.hazmat.primitives.asymmetric import rsa
key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
form = s.Encoding.PEM, s.PrivateFormat.PKCS8, s.NoEncryption()
print(key.private_bytes(*form).decode(), end='')";
    let Some(python) = std::env::var_os("CITESIFT_PYTHON") else {
        eprintln!("CITESIFT_PYTHON is not set: a service account did NOT sign");
        return;
    };
    let made = Command::new(python).args(["-c", MAKE]).output().unwrap();
    assert!(made.status.success(), "{}", messages(&made));
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("page"), &world::pages(1..2, 3)[0]).unwrap();
    let account = serde_json::json!({
        "type": "service_account", "private_key": str::from_utf8(&made.stdout).unwrap(),
        "private_key_id": "1", "client_email": "reader@project.iam.gserviceaccount.com",
    });
    fs::write(folder.path().join("account.json"), account.to_string()).unwrap();
    let server = GOOGLE.serve(folder.path());
    for variable in ["GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_SERVICE_ACCOUNT"] {
        let mut environment = (GOOGLE.server)(&server);
        environment.push((variable, "account.json".to_owned()));
        let output = run_with(
            folder.path(),
            &environment,
            &["--quiet", "gs://bucket/page"],
        );
        assert_eq!(messages(&output), "");
        let sent = server.requests().pop().unwrap().authorization.unwrap();
        let token = sent.strip_prefix("Bearer ").unwrap();
        let parts: Vec<_> = token.split('.').map(str::len).collect();
        // A signature of 2048 bits, in base 64.
        assert!(parts.len() == 3 && parts[2] == 342, "{sent}");
    }
}
