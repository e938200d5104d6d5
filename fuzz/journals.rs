//! What must hold for any bytes whatever that are read as a journal: panics where it does not.
//!
//! Shared by the fuzz target and by the test that replays its corpus.

use std::fs;
use std::io;
use std::path::Path;

use citesift::journal::{Journal, Kind, Mark, read};
use tempfile::TempDir;

type Record = (Mark, Kind, Vec<u8>);

/// The bytes as a file, as what is behind a journal's beginning, and as records with damage.
pub fn journal(input: &[u8]) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let empty = written(&folder, &[]).0;
    check(&folder, input, &empty);
    check(&folder, &[&empty, input].concat(), &empty);
    damaged(&folder, input);
}

/// What is read is what the file begins with, and a journal goes on behind it.
fn check(folder: &TempDir, file: &[u8], beginning: &[u8]) -> Vec<Record> {
    let path = folder.path().join("journal");
    fs::write(&path, file).expect("a file that can be written");
    let records = records(&path).expect("a file that can be read");
    if !file.starts_with(beginning) {
        assert!(records.is_empty(), "it does not begin as a journal does");
        return records;
    }
    let pieces: Vec<_> = records
        .iter()
        .map(|(_, kind, payload)| (*kind, &payload[..]))
        .collect();
    let (again, marks, end) = written(folder, &pieces);
    assert!(
        file.starts_with(&again),
        "what was read is not what is there"
    );
    assert!(records.iter().map(|record| record.0).eq(marks));

    let mut journal = Journal::go_on(&path, end).expect("a journal that goes on");
    journal.append(Kind::Tail, b"tail").expect("a record");
    let longer = self::records(&path).expect("a journal");
    assert_eq!(longer[..records.len()], records);
    assert_eq!(
        longer[records.len()..],
        [(end, Kind::Tail, b"tail".to_vec())]
    );
    records
}

/// The input says which records there are, and then which bytes are changed and where it is
/// cut. What is read are the records before the first changed byte.
fn damaged(folder: &TempDir, mut script: &[u8]) {
    let mut pieces = Vec::new();
    while let [kind @ 0..=127, length, rest @ ..] = script {
        let (payload, rest) = rest.split_at(rest.len().min(usize::from(*length)));
        pieces.push((Kind::ALL[usize::from(*kind) % Kind::ALL.len()], payload));
        script = rest;
    }
    let (whole, mut marks, end) = written(folder, &pieces);
    marks.push(end);

    let mut file = whole.clone();
    for change in script.get(1..).unwrap_or_default().chunks_exact(3) {
        let at = usize::from(u16::from_le_bytes([change[0], change[1]])) % file.len().max(1);
        match change[2] {
            0 => file.truncate(at),
            bits => file
                .iter_mut()
                .skip(at)
                .take(1)
                .for_each(|byte| *byte ^= bits),
        }
    }
    let same = whole
        .iter()
        .zip(&file)
        .take_while(|(one, other)| one == other)
        .count();
    let held = marks
        .iter()
        .filter(|mark| mark.offset <= same as u64)
        .count();
    let found = check(folder, &file, &whole[..marks[0].offset as usize]);
    assert_eq!(found.len(), held.saturating_sub(1), "records before {same}");
}

fn records(path: &Path) -> io::Result<Vec<Record>> {
    let mut records = Vec::new();
    read(path, &mut |mark, kind, payload| {
        records.push((mark, kind, payload.to_vec()));
        Ok(true)
    })?;
    Ok(records)
}

/// A journal's bytes, the marks before its records, and the one behind them.
fn written(folder: &TempDir, records: &[(Kind, &[u8])]) -> (Vec<u8>, Vec<Mark>, Mark) {
    let path = folder.path().join("written");
    let mut journal = Journal::create(&path).expect("a journal");
    let mut marks = Vec::new();
    for (kind, payload) in records {
        marks.push(journal.end());
        journal.append(*kind, payload).expect("a record");
    }
    (fs::read(&path).expect("a file"), marks, journal.end())
}
