//! The map as a whole, against one of the standard library.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::fs;
use std::io::{ErrorKind, Read, Seek, Write};
use std::path::Path;

use proptest::prelude::*;

use super::*;

/// Numbers that look random and are the same every time.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed ^ mixed >> 29
    }
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

/// What keeps a map from going wrong unnoticed.
fn check(keys: &Keys) {
    assert_eq!(
        keys.len(),
        keys.table.len() as u64 + keys.runs.iter().map(Run::len).sum::<u64>()
    );
    let entries: Vec<_> = keys.table.entries().collect();
    assert_eq!(entries.len(), keys.table.len());
    assert!(entries.is_sorted_by_key(Entry::key));
    assert!(keys.runs.is_sorted_by_key(|run| Reverse(run.tier)));
    for pair in keys.runs.chunk_by(|one, other| one.tier == other.tier) {
        assert!(pair.len() < MERGED);
    }
}

/// Random keys, of which every fourth is a repeat of any age, against the model.
fn compare(memory: usize, operations: u64, key: impl Fn(u64) -> u128) -> Keys {
    let folder = folder();
    let mut keys = Keys::new(memory, folder.path().to_owned());
    let mut model = HashMap::new();
    let mut numbers = Numbers(operations);
    for operation in 0..operations {
        let number = match numbers.next() % 4 {
            0 => numbers.next() % (operation + 1),
            _ => operation,
        };
        let (key, value) = (key(number), operation.wrapping_sub(1));
        keys.expect([key, !key]);
        let expected = model.get(&key).copied();
        if operation % 3 == 0 {
            assert_eq!(keys.get(key).unwrap(), expected);
        }
        assert_eq!(keys.insert(key, value).unwrap(), expected);
        model.entry(key).or_insert(value);
    }
    assert_eq!(keys.len(), model.len() as u64);
    check(&keys);
    for (key, value) in model {
        assert_eq!(keys.get(key).unwrap(), Some(value));
    }
    keys
}

#[test]
fn answers_as_a_map_does_through_many_merges() {
    let keys = compare(0, 300_000, |number| {
        u128::from(Numbers(number).next()) << 40
    });
    assert!(keys.runs[0].tier >= 2, "{}", keys.runs[0].tier);
    assert!(keys.resident() <= LEAST_MEMORY * 21 / 20);
    let mut folded = keys
        .runs
        .iter()
        .map(|run| run.filter.bytes() as u64 * 8 / run.len());
    assert!(
        folded.any(|bits| bits < filter::BITS as u64 / 2),
        "some filters must have been folded"
    );
}

#[test]
fn answers_as_a_map_does_in_memory_alone() {
    let keys = compare(1 << 30, 300_000, |number| u128::from(number) << 64);
    assert_eq!((keys.spilled(), keys.runs.len()), (0, 0));
}

#[test]
fn extreme_keys_and_values_are_keys_and_values() {
    for memory in [0, 1 << 24] {
        let folder = folder();
        let mut keys = Keys::new(memory, folder.path().to_owned());
        // Stored as the greatest key, and as those whose tag would be that of an empty slot.
        let [last, untagged, blank] = [u128::MAX, 1 << 64 | 1, 0].map(|key| keys.mix.undo(key));
        let extremes = [(u128::MAX, 0), (last, 7), (untagged, 8), (blank, u64::MAX)];
        for (key, value) in extremes {
            assert_eq!(keys.get(key).unwrap(), None);
            assert_eq!(keys.insert(key, value).unwrap(), None);
        }
        for number in 2..20_000 {
            assert_eq!(keys.insert(number << 50, 1).unwrap(), None);
            if number % 1000 == 0 {
                for (key, value) in extremes {
                    assert_eq!(keys.get(key).unwrap(), Some(value));
                    assert_eq!(keys.insert(key, 3).unwrap(), Some(value));
                }
            }
        }
        assert_eq!(keys.spilled() > 0, memory == 0);
        check(&keys);
    }
}

#[test]
fn a_key_takes_32_bytes_at_most() {
    let keys = Keys::new(1 << 30, folder().path().to_owned());
    let without = Keys::new(1 << 30, folder().path().to_owned()).without_values();
    for mut keys in [keys, without] {
        for number in 0..500_000u64 {
            keys.insert(u128::from(number), number).unwrap();
            let bytes = keys.resident();
            assert!(
                bytes < 1 << 20 || bytes as u64 <= 32 * keys.len(),
                "{number}"
            );
        }
    }
}

#[test]
fn memory_is_bounded() {
    for memory in [1 << 19, 1 << 20] {
        let folder = folder();
        let mut keys = Keys::new(memory, folder.path().to_owned());
        for number in 0..200_000u64 {
            keys.insert(u128::from(number), number).unwrap();
            assert!(keys.resident() <= memory);
        }
        assert!(keys.spilled() > 0);
    }
}

#[test]
fn files_are_made_when_needed_and_a_killed_process_leaves_none() {
    let parent = folder();
    let within = parent.path().join("not/yet");
    let mut keys = Keys::new(0, within.clone());
    keys.insert(1, 1).unwrap();
    assert!(!within.exists());
    (0..100_000).for_each(|key| assert!(keys.insert(key << 3, 1).is_ok()));
    let sizes = keys
        .runs
        .iter()
        .map(|run| run.file.metadata().unwrap().len());
    assert_eq!(sizes.sum::<u64>(), keys.spilled());
    #[cfg(unix)]
    assert_eq!(fs::read_dir(&within).unwrap().count(), 0);
    drop(keys);
    assert_eq!(fs::read_dir(&within).unwrap().count(), 0);
}

#[test]
fn two_maps_share_a_folder() {
    let parent = folder();
    let mut maps = [1u64, 2].map(|_| Keys::new(0, parent.path().to_owned()));
    for number in 0..20_000 {
        for (map, keys) in maps.iter_mut().enumerate() {
            assert_eq!(keys.insert(number, map as u64).unwrap(), None);
        }
    }
    for (map, keys) in maps.iter_mut().enumerate() {
        assert_eq!(keys.get(5).unwrap(), Some(map as u64));
    }
    let [one, mut other] = maps;
    drop(one);
    assert_eq!(other.get(7).unwrap(), Some(1));
}

/// Damages every run with one changed byte per block.
fn damage(keys: &Keys, at: usize) {
    for run in &keys.runs {
        let (mut file, mut bytes) = (&run.file, Vec::new());
        file.rewind().unwrap();
        file.read_to_end(&mut bytes).unwrap();
        for block in bytes.chunks_mut(block::SIZE).skip(1) {
            block[at] ^= 0x10;
        }
        file.rewind().unwrap();
        file.write_all(&bytes).unwrap();
    }
}

#[test]
fn a_damaged_block_is_an_error_that_names_the_folder() {
    for at in [0, 23, 4079, 4080, 4088, 4095] {
        let parent = folder();
        let mut keys = Keys::new(0, parent.path().to_owned());
        (0..10_000).for_each(|key| assert!(keys.insert(key, key as u64).is_ok()));
        damage(&keys, at);
        let named = parent.path().display().to_string();
        let (mut errors, mut right) = (0, 0);
        for key in 0..10_000 {
            match keys.get(key) {
                Ok(value) => right += usize::from(value == Some(key as u64)),
                Err(error) => {
                    errors += 1;
                    assert_eq!(error.kind(), ErrorKind::InvalidData);
                    assert!(error.to_string().starts_with(&named), "{error}");
                }
            }
        }
        assert_eq!((right, errors + right), (keys.table.len(), 10_000));
    }
}

/// Inserts until that fails, and tells how.
fn fail(keys: &mut Keys) -> io::Error {
    (1u128 << 100..)
        .find_map(|key| keys.insert(key, 0).err())
        .unwrap()
}

#[test]
fn a_damaged_run_is_not_merged() {
    for truncated in [false, true] {
        let parent = folder();
        let mut keys = Keys::new(0, parent.path().to_owned());
        let mut key = 0;
        while keys.runs.len() + 1 < MERGED {
            keys.insert(key, 1).unwrap();
            key += 1;
        }
        match truncated {
            true => keys.runs[3].file.set_len(5).unwrap(),
            false => damage(&keys, 9),
        }
        // Only the merge reads: the filters know none of these keys, or the block is refused.
        let error = fail(&mut keys);
        let named = parent.path().display().to_string();
        assert!(error.to_string().starts_with(&named), "{error}");
    }
}

#[test]
fn nothing_is_answered_after_a_failed_spill() {
    let parent = folder();
    let file = parent.path().join("file");
    fs::write(&file, b"").unwrap();
    let mut keys = Keys::new(0, file.join("within"));
    let error = fail(&mut keys);
    assert!(error.to_string().contains("within"), "{error}");
    assert!(keys.insert(7, 7).is_err());
    assert!(keys.get(8).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn any_order_of_inserts_and_looks(
        seed in any::<u64>(),
        range in 1u64..60_000,
        shift in 0u32..64,
        memory in 0usize..200_000,
        has_values in any::<bool>(),
    ) {
        let folder = folder();
        let mut keys = Keys::new(memory, folder.path().to_owned());
        if !has_values {
            keys = keys.without_values();
        }
        let (mut model, mut numbers) = (HashMap::new(), Numbers(seed));
        for _ in 0..20_000 {
            let key = u128::from(numbers.next() % range) << shift;
            let value = if has_values { numbers.next() } else { 0 };
            let is_asked = numbers.next() % 2 == 0;
            let expected = model.get(&key).copied();
            if is_asked {
                prop_assert_eq!(keys.get(key).unwrap(), expected);
            } else {
                prop_assert_eq!(keys.insert(key, value).unwrap(), expected);
                model.entry(key).or_insert(value);
            }
        }
        check(&keys);
        prop_assert!(keys.resident() <= memory.max(LEAST_MEMORY) * 21 / 20);
    }
}

/// Inserts these keys behind what is there and saves them all.
fn save(folder: &Path, files: &[KeyFile], memory: usize, round: u64) -> Vec<KeyFile> {
    let mut keys = Keys::open(memory, folder, files, folder.join("temporary")).unwrap();
    let mut numbers = Numbers(round);
    for number in 0..20_000 {
        let key = u128::from(numbers.next()) << 64 | u128::from(round);
        assert_eq!(keys.insert(key, number << 8 | round).unwrap(), None);
    }
    assert!(keys.resident() <= memory.max(LEAST_MEMORY));
    let files = keys.save(folder, &format!("keys-{round}")).unwrap();
    assert_eq!(
        files.iter().map(|file| file.keys).sum::<u64>(),
        20_000 * (round + 1)
    );
    files
}

#[test]
fn saved_keys_are_found_again_and_their_files_do_not_depend_on_the_memory() {
    let saved = [0, 300_000, 1 << 30].map(|memory| {
        let folder = folder();
        let mut files = Vec::new();
        for round in 0..10 {
            files = save(folder.path(), &files, memory, round);
            assert!(files.len() < MERGED);
        }
        let mut keys = Keys::open(memory, folder.path(), &files, folder.path().into()).unwrap();
        for round in 0..10 {
            let mut numbers = Numbers(round);
            for number in 0..20_000 {
                let key = u128::from(numbers.next()) << 64 | u128::from(round);
                keys.expect([key]);
                assert_eq!(keys.insert(key, 1).unwrap(), Some(number << 8 | round));
                assert_eq!(keys.get(key + (1 << 40)).unwrap(), None);
            }
        }
        assert!(keys.is_empty());
        assert_eq!(keys.save(folder.path(), "nothing").unwrap(), files);
        let bytes = |file: &KeyFile| fs::read(folder.path().join(&file.name)).unwrap();
        assert!(
            files
                .iter()
                .all(|file| bytes(file).len() as u64 == file.size())
        );
        files
            .iter()
            .map(|file| (file.clone(), bytes(file)))
            .collect::<Vec<_>>()
    });
    assert_eq!(saved[0].len(), 3);
    assert!(saved[0] == saved[1] && saved[1] == saved[2]);
}

#[test]
fn a_saved_file_that_is_not_as_it_was_written_is_refused() {
    let folder = folder();
    let files = save(folder.path(), &[], 0, 0);
    let path = folder.path().join("keys-0");
    let whole = fs::read(&path).unwrap();
    let refused = |bytes: &[u8], files: &[KeyFile]| {
        fs::write(&path, bytes).unwrap();
        let error = Keys::open(0, folder.path(), files, folder.path().into()).err();
        error.unwrap().to_string().contains("keys-0")
    };
    for at in (0..whole.len()).step_by(4001) {
        let mut damaged = whole.clone();
        damaged[at] ^= 1;
        assert!(refused(&damaged, &files), "{at}");
    }
    assert!(refused(&whole[..whole.len() - 1], &files));
    assert!(refused(&[], &files));
    let other = KeyFile {
        keys: 7,
        ..files[0].clone()
    };
    assert!(refused(&whole, &[other]));
    fs::remove_file(&path).unwrap();
    assert!(Keys::open(0, folder.path(), &files, folder.path().into()).is_err());
}
