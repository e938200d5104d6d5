//! A store against the moments at which a run may be broken off, and against misuse.

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::dedup::{Fingerprinter, PageIdentity, RunDedup, Seen, fingerprint_of};
use crate::durable::rename;
use crate::model::StatementType;

/// A store in a folder, and outputs beside it.
struct World {
    folder: TempDir,
}

impl World {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn open(&self) -> Store {
        Store::open(&self.path("seen"), None).unwrap()
    }

    fn refusal(&self, scope: Option<Dedup>) -> String {
        let error = Store::open(&self.path("seen"), scope).unwrap_err();
        assert!(error.is_usage());
        error.to_string()
    }

    /// What of these blocks is new, on one page of one paper, and the store that waits.
    fn run(&self, output: &str, blocks: &[u128]) -> (Vec<u128>, Prepared) {
        let store = self.open();
        let mut memory = store.memory(0).unwrap();
        let new = decide(&mut memory, blocks);
        let part = part_of(&self.path(output));
        fs::write(&part, format!("{new:?}")).unwrap();
        let state = FileState::of(&fs::metadata(&part).unwrap()).unwrap();
        let prepared = store.prepare(memory, &self.path(output), state).unwrap();
        (new, prepared)
    }

    fn name(&self, output: &str) {
        let path = self.path(output);
        rename(&part_of(&path), &path).unwrap();
    }

    fn commit(&self, output: &str, blocks: &[u128]) -> Vec<u128> {
        let (new, prepared) = self.run(output, blocks);
        self.name(output);
        prepared.commit().unwrap();
        new
    }

    fn contents(&self) -> Contents {
        Contents::of(&self.path("seen")).unwrap()
    }
}

fn decide(memory: &mut Memory, blocks: &[u128]) -> Vec<u128> {
    let identity = PageIdentity {
        paper: Some(fingerprint_of("doi", b"10.5555/a")),
        header: fingerprint_of("page", b"header"),
    };
    let seen: Vec<_> = blocks
        .iter()
        .map(|&key| Seen {
            key: fingerprint_of("block", &key.to_le_bytes()),
            see_more: None,
        })
        .collect();
    let mut kept = Vec::new();
    let mut dedup = RunDedup::new(Dedup::Run);
    let page = memory.places.as_mut().unwrap().add(b"place").unwrap();
    let place = |block: Option<usize>| Places::of_block(page, block.unwrap_or(0));
    dedup
        .decide(memory, &seen, Some(identity), place, &mut kept)
        .unwrap();
    kept.iter().map(|kept| blocks[kept.block]).collect()
}

#[test]
fn the_next_run_gets_what_no_run_has_seen() {
    let world = World::new();
    assert_eq!(world.commit("one", &[1, 2, 3]), [1, 2, 3]);
    assert_eq!(world.commit("two", &[2, 3]), []);
    assert_eq!(world.commit("three", &[4, 3]), [4]);
    let contents = world.contents();
    assert_eq!(contents.runs.len(), 3);
    assert_eq!(
        contents.total,
        Counts {
            papers: 1,
            pages: 1,
            blocks: 4
        }
    );
    assert!(!contents.is_pending);
}

#[test]
fn a_run_that_is_broken_off_before_its_output_has_its_name_added_nothing() {
    let world = World::new();
    world.commit("one", &[1]);
    drop(world.run("two", &[1, 2]));
    assert!(world.contents().is_pending);
    // The next run may well have the same name for its output.
    assert_eq!(world.commit("two", &[1, 2, 3]), [2, 3]);
    assert_eq!(world.contents().runs.len(), 2);
}

#[test]
fn a_run_that_is_broken_off_after_its_output_has_its_name_added_all() {
    let world = World::new();
    world.commit("one", &[1]);
    let (_, prepared) = world.run("two", &[1, 2]);
    world.name("two");
    drop(prepared);
    assert_eq!(world.commit("three", &[1, 2, 3]), [3]);
    assert_eq!(world.contents().runs.len(), 3);
}

#[test]
fn what_a_run_left_behind_the_last_step_but_one_is_removed() {
    let world = World::new();
    let (_, prepared) = world.run("one", &[1]);
    let pending = fs::read(world.path("seen/pending")).unwrap();
    world.name("one");
    prepared.commit().unwrap();
    fs::write(world.path("seen/pending"), pending).unwrap();
    // Somebody has moved the output meanwhile, which no longer matters.
    fs::remove_file(world.path("one")).unwrap();
    fs::write(world.path("seen/keys-9"), "left").unwrap();
    fs::write(world.path("seen/manifest.part"), "left").unwrap();
    fs::write(world.path("seen/other.part"), "not the store's").unwrap();
    fs::create_dir(world.path("seen/temporary")).unwrap();
    assert_eq!(world.commit("two", &[1, 2]), [2]);
    let mut names = names_in(&world.path("seen")).unwrap();
    names.sort();
    let left = [
        "keys-1",
        "keys-2",
        "lock",
        "manifest",
        "other.part",
        "places",
    ];
    assert_eq!(names, left);
}

#[test]
fn an_output_that_is_gone_is_not_guessed_about() {
    let world = World::new();
    let (_, prepared) = world.run("one", &[1]);
    world.name("one");
    drop(prepared);
    rename(&world.path("one"), &world.path("elsewhere")).unwrap();
    let refusal = world.refusal(None);
    assert!(refusal.contains("one got its name"), "{refusal}");
    rename(&world.path("elsewhere"), &world.path("one")).unwrap();
    assert_eq!(world.commit("two", &[1, 2]), [2]);
}

#[test]
fn a_store_is_one_run_s_at_a_time() {
    let world = World::new();
    let store = world.open();
    assert!(world.refusal(None).contains("in use by another run"));
    drop(store);
    world.open();
}

#[test]
fn a_store_of_another_scope_or_version_is_refused() {
    let world = World::new();
    world.commit("one", &[1]);
    assert_eq!(world.open().scope(), Dedup::Run);
    let refusal = world.refusal(Some(Dedup::Text));
    assert!(
        refusal.contains("give --dedup run, or another folder"),
        "{refusal}"
    );
    let manifest = world.path("seen/manifest");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, text.replace("\"version\":1", "\"version\":2")).unwrap();
    let refusal = world.refusal(None);
    assert!(
        refusal.contains("version 2") && refusal.contains("begin a new store"),
        "{refusal}"
    );
}

#[test]
fn a_folder_with_other_files_is_refused_and_left_as_it_is() {
    let world = World::new();
    fs::create_dir(world.path("seen")).unwrap();
    fs::write(world.path("seen/letter.txt"), "dear").unwrap();
    assert!(world.refusal(None).contains("not empty"));
    assert_eq!(names_in(&world.path("seen")).unwrap(), ["letter.txt"]);
    assert!(matches!(
        Contents::of(&world.path("seen")),
        Err(StoreError::NoStore(_))
    ));
}

#[test]
fn a_damaged_store_is_an_error_that_names_the_file() {
    let world = World::new();
    world.commit("one", &[1]);
    for name in ["manifest", "keys-1"] {
        let path = world.path("seen").join(name);
        let whole = fs::read(&path).unwrap();
        for at in (0..whole.len()).step_by(7) {
            let mut damaged = whole.clone();
            damaged[at] ^= 2;
            fs::write(&path, damaged).unwrap();
            let opened = Store::open(&world.path("seen"), None);
            let error = match opened {
                Ok(store) => store.memory(0).err().map(StoreError::Io),
                Err(error) => Some(error),
            };
            let error = error.unwrap().to_string();
            assert!(error.contains(name) || error.contains("version"), "{error}");
        }
        fs::write(&path, whole).unwrap();
    }
    let places = world.path("seen/places");
    fs::write(&places, "short").unwrap();
    assert!(world.open().memory(0).is_err());
}

#[test]
fn a_store_without_its_manifest_is_refused_and_left_as_it_is() {
    let world = World::new();
    let refused = || {
        let before = names_in(&world.path("seen")).unwrap();
        let folder = world.path("seen");
        let opened = Store::open(&folder, None).map(drop);
        let looked = Store::look(&folder, None).map(drop);
        for outcome in [opened, looked, Contents::of(&folder).map(drop)] {
            let error = outcome.unwrap_err();
            assert!(!error.is_usage());
            let said = error.to_string();
            assert!(said.contains("manifest is missing"), "{said}");
        }
        assert_eq!(names_in(&folder).unwrap(), before);
    };
    let mut manifest = Vec::new();
    for (output, block) in [("one", 1), ("two", 2)] {
        world.commit(output, &[block]);
        manifest = fs::read(world.path("seen/manifest")).unwrap();
        fs::remove_file(world.path("seen/manifest")).unwrap();
        refused();
        fs::write(world.path("seen/manifest"), &manifest).unwrap();
    }
    for lost in ["keys-1", "keys-2", "manifest"] {
        fs::rename(world.path("seen").join(lost), world.path(lost)).unwrap();
    }
    // There are places still.
    refused();
    for lost in ["keys-1", "keys-2"] {
        fs::rename(world.path(lost), world.path("seen").join(lost)).unwrap();
    }
    // Put back, all is as before.
    fs::write(world.path("seen/manifest"), &manifest).unwrap();
    assert_eq!(world.commit("three", &[1, 2, 3]), [3]);
    // A run that was broken off before its output had its name says nothing of what was there.
    drop(world.run("four", &[4]));
    fs::remove_file(world.path("seen/manifest")).unwrap();
    refused();
    // One whose output has it says all.
    world.name("four");
    assert_eq!(world.commit("five", &[1, 2, 3, 4, 5]), [5]);
}

#[test]
fn what_a_first_run_leaves_that_was_broken_off_is_begun_anew() {
    for scope in [None, Some(Dedup::Run), Some(Dedup::Text)] {
        for is_pending in [true, false] {
            let world = World::new();
            let (folder, pending) = (world.path("seen"), world.path("seen/pending"));
            drop(world.run("one", &[1]));
            if !is_pending {
                fs::remove_file(pending).unwrap();
            }
            assert!(world.path("seen/keys-1").exists());
            assert!(fs::metadata(world.path("seen/places")).unwrap().len() > 0);
            assert_eq!(world.contents().runs.len(), 0);
            assert_eq!(Store::look(&folder, scope).unwrap(), is_pending);
            let store = Store::open(&folder, scope).unwrap();
            assert_eq!(store.scope(), scope.unwrap_or(Dedup::Run));
            drop(store);
            assert!(!world.path("seen/keys-1").exists());
            assert_eq!(world.commit("one", &[1, 2]), [1, 2]);
        }
    }
}

#[test]
fn a_store_says_that_it_knows_nothing_before_it_holds_anything() {
    let world = World::new();
    let store = Store::open(&world.path("seen"), Some(Dedup::Text)).unwrap();
    let mut names = names_in(&world.path("seen")).unwrap();
    names.sort();
    assert_eq!(names, ["lock", "manifest"]);
    let contents = world.contents();
    assert_eq!((contents.runs.len(), contents.scope), (0, Dedup::Text));
    drop(store);
    // A folder that was begun before there was such a manifest.
    fs::remove_file(world.path("seen/manifest")).unwrap();
    fs::write(world.path("seen/places"), "").unwrap();
    assert_eq!(world.commit("one", &[1]), [1]);
}

/// What is in a store was made by this rule. Who changes the rule raises [`VERSION`].
#[test]
fn keys_of_this_version_are_made_like_this() {
    let fingerprint = Fingerprinter::default().of(
        b"text",
        Some(b"Results"),
        Some(StatementType::Mentioning),
        Some(99),
    );
    let world = World::new();
    world.commit("one", &[fingerprint.key.0]);
    let keys = fs::read(world.path("seen/keys-1")).unwrap();
    assert_eq!(
        format!("{:x}", twox_hash::XxHash3_64::oneshot(&keys)),
        "bbfc5131ce74762d"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever is broken off, and how often: outputs that have a name hold each block once,
    /// and none is missing that was in a run which went through.
    #[test]
    fn outputs_together_are_what_one_run_would_give(
        runs in prop::collection::vec((prop::collection::vec(0u128..30, 0..8), 0usize..4), 1..12)
    ) {
        let world = World::new();
        let (mut given, mut expected) = (Vec::new(), Vec::new());
        for (number, (blocks, steps)) in runs.iter().enumerate() {
            let output = number.to_string();
            if *steps == 0 {
                let store = world.open();
                decide(&mut store.memory(0).unwrap(), blocks);
                continue;
            }
            let (new, prepared) = world.run(&output, blocks);
            if *steps == 1 {
                continue;
            }
            world.name(&output);
            if *steps == 3 {
                prepared.commit().unwrap();
            }
            given.extend(new);
            expected.extend(blocks);
        }
        given.sort_unstable();
        expected.sort_unstable();
        expected.dedup();
        prop_assert_eq!(given, expected);
    }
}
