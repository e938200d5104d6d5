//! gzip members one after another, decoded ahead on threads of their own.
//!
//! Web archives and BGZF hold one small member per record. The compressed bytes are cut where
//! a member seems to begin, and each batch of members is decoded whole, which needs 60 % of the
//! time of a streaming decoder (libdeflate against zlib-rs, members of 8 kB) and none of it on
//! the thread that reads.
//!
//! What a batch cannot prove to be members from its first byte to its last is left to the
//! streaming decoder: a cut that was none, a member larger than a batch, damage, what follows
//! the last member. So bytes and faults are those of [`flate2::bufread::MultiGzDecoder`]
//! that is asked for byte after byte, and nothing is decoded ahead again until a member has ended
//! where a batch begins. A small first member is always streamed: a source of one costs no thread.
//!
//! A large member, which no other one follows soon, is cut into ranges of its blocks, and these
//! are decoded whole as well, one after another on one thread: `large`.
//!
//! At most four threads, and where none are wanted the one that reads does their work. 8 MiB of
//! buffers with two, and never 16 for small members. For a large one there are three ranges of
//! 4.5 MiB at most, and of 2 MiB in usual text.

mod batch;
mod blocks;
mod large;
mod range;

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, ErrorKind, Read};
use std::mem;

use flate2::bufread::GzDecoder;

use libdeflater::Decompressor;

use self::batch::{Batch, MAGIC, starts};
use self::large::{Large, Rest};
use crate::pipeline::{Ahead, Work};

/// More are never busy: four decode over a gigabyte a second.
const MOST_THREADS: usize = 4;

/// Compressed bytes that are read at once.
const BUFFER: usize = 64 * 1024;

/// Compressed bytes from which on a batch is cut.
const BATCH: usize = 64 * 1024;

/// Compressed bytes within which a batch must have been cut; a larger member is streamed.
const MOST_COMPRESSED: usize = 256 * 1024;

/// Decodes all members of a source.
pub struct Members<R: Read> {
    /// Most threads that decode ahead.
    threads: usize,
    state: State<R>,
    /// What is being given out.
    batch: Batch,
    given: usize,
    ahead: Ahead<Batch>,
    spare: Vec<Batch>,
}

/// Where the next byte comes from once `batch` has been given out.
enum State<R: Read> {
    Start(Compressed<R>),
    /// A member has ended where a batch begins, or before what is not yet cut.
    Between(Compressed<R>),
    /// A member's header cannot be read, or not yet.
    Header(Box<GzDecoder<Compressed<R>>>),
    /// A large member is being decoded ahead.
    Large(Box<Large<R>>),
    /// A member is being streamed, or what is left of a large one.
    Rest(Box<Rest<R>>),
    End,
}

impl<R: Read> Members<R> {
    /// Reads nothing yet and starts no thread.
    pub fn new(source: R, threads: usize) -> Self {
        let threads = threads.min(MOST_THREADS);
        Self {
            threads,
            state: State::Start(Compressed::new(source)),
            batch: Batch::default(),
            given: 0,
            ahead: Ahead::new("gunzip", threads, decoding),
            spare: Vec::new(),
        }
    }

    fn give(&mut self, buffer: &mut [u8]) -> usize {
        let text = &self.batch.text[self.given..self.batch.decoded];
        let length = text.len().min(buffer.len());
        buffer[..length].copy_from_slice(&text[..length]);
        self.given += length;
        length
    }

    fn after_batch(&mut self, mut source: Compressed<R>) -> io::Result<State<R>> {
        let batch = mem::take(&mut self.batch);
        self.given = 0;
        if batch.is_whole() {
            self.spare.push(batch);
            return self.next_batch(source);
        }
        while let Some(later) = self.ahead.receive()? {
            source.kept.push_back(later);
        }
        source.at = batch.good;
        source.kept.push_front(batch);
        member(source, self.threads)
    }

    fn next_batch(&mut self, mut source: Compressed<R>) -> io::Result<State<R>> {
        while self.ahead.has_room_beside(source.kept.len()) {
            let mut batch = self.spare.pop().unwrap_or_default();
            if !source.cut(&mut batch.compressed) {
                self.spare.push(batch);
                break;
            }
            self.ahead.send(batch)?;
        }
        let next = match source.kept.pop_front() {
            None => self.ahead.receive()?,
            kept => kept,
        };
        match next {
            Some(batch) => {
                self.batch = batch;
                Ok(State::Between(source))
            }
            None => member(source, self.threads),
        }
    }
}

fn decoding() -> Work<Batch> {
    let mut decompressor = Decompressor::new();
    Box::new(move |mut batch| {
        batch.decode(&mut decompressor);
        batch
    })
}

impl<R: Read> Read for Members<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let threads = self.threads;
        loop {
            let given = self.give(buffer);
            if given > 0 {
                return Ok(given);
            }
            self.state = match mem::replace(&mut self.state, State::End) {
                State::Start(source) => begun(source, threads),
                State::Between(source) => self.after_batch(source)?,
                State::Header(mut decoder) => match decoder.read(buffer) {
                    Ok(0) => after_member(decoder.into_inner(), threads)?,
                    Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
                    result => {
                        self.state = State::Header(decoder);
                        return result;
                    }
                },
                State::Large(mut large) => match large.read(buffer)? {
                    0 => State::Rest(Box::new(large.into_rest()?)),
                    read => {
                        self.state = State::Large(large);
                        return Ok(read);
                    }
                },
                State::Rest(mut rest) => match rest.read(buffer) {
                    Ok(0) => after_member(rest.finish()?, threads)?,
                    Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
                    result => {
                        self.state = State::Rest(rest);
                        return result;
                    }
                },
                State::End => return Ok(0),
            };
        }
    }
}

/// Begins the next member, if there is one. Zeros that fill a block, as on a tape, may be before it.
fn member<R: Read>(mut source: Compressed<R>, threads: usize) -> io::Result<State<R>> {
    Ok(match source.ends_in_zeros()? {
        true => State::End,
        false => begun(source, threads),
    })
}

fn begun<R: Read>(mut source: Compressed<R>, threads: usize) -> State<R> {
    let is_large = source.begins_large();
    let decoder = GzDecoder::new(source);
    match (decoder.header(), is_large) {
        (None, _) => State::Header(Box::new(decoder)),
        (Some(_), true) => State::Large(Box::new(Large::new(decoder.into_inner(), threads))),
        (Some(_), false) => State::Rest(Box::new(Rest::of_whole(decoder.into_inner()))),
    }
}

fn after_member<R: Read>(source: Compressed<R>, threads: usize) -> io::Result<State<R>> {
    match source.is_between_batches() {
        true => Ok(State::Between(source)),
        false => member(source, threads),
    }
}

/// The source, with the compressed bytes that were read ahead of the streaming decoder.
struct Compressed<R> {
    /// Batches that were cut and are to be read again, or given out if a member ends before them.
    kept: VecDeque<Batch>,
    /// What was read but not yet cut.
    uncut: Vec<u8>,
    /// How much has been read of the first kept batch; of `uncut` if none is kept.
    at: usize,
    /// The source's failure, until all that came before it has been given out.
    fault: Option<io::Error>,
    source: BufReader<R>,
}

impl<R: Read> Compressed<R> {
    fn new(source: R) -> Self {
        Self {
            kept: VecDeque::new(),
            uncut: Vec::new(),
            at: 0,
            fault: None,
            source: BufReader::with_capacity(BUFFER, source),
        }
    }

    fn is_between_batches(&self) -> bool {
        self.kept.is_empty() || self.at == 0
    }

    /// Passes over zeros, and tells whether nothing comes behind them.
    fn ends_in_zeros(&mut self) -> io::Result<bool> {
        loop {
            let filled = match self.fill_buf() {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                filled => filled?,
            };
            let length = filled.len();
            let zeros = filled.iter().take_while(|&&byte| byte == 0).count();
            self.consume(zeros);
            if length == 0 || zeros < length {
                return Ok(length == 0);
            }
        }
    }

    /// Whether no other member begins near the one that comes next.
    fn begins_large(&mut self) -> bool {
        if !self.kept.is_empty() {
            return false;
        }
        self.read_ahead(MOST_COMPRESSED);
        self.uncut.len() >= MOST_COMPRESSED && starts(&self.uncut, 1).next().is_none()
    }

    /// Reads until so many bytes are uncut, or all there are.
    fn read_ahead(&mut self, most: usize) {
        self.uncut.drain(..mem::take(&mut self.at));
        while self.read_on(most) {}
    }

    /// Has these bytes read before those that are uncut.
    fn put_back(&mut self, bytes: &[u8]) {
        let read = mem::take(&mut self.at);
        self.uncut.splice(..read, bytes.iter().copied());
    }

    /// Cuts the next batch. There is none if a large member comes first, or the source's end.
    fn cut(&mut self, batch: &mut Vec<u8>) -> bool {
        if self.kept.is_empty() {
            self.uncut.drain(..mem::take(&mut self.at));
        }
        let Some(end) = self.batch_end() else {
            return false;
        };
        batch.clear();
        batch.reserve_exact(MOST_COMPRESSED);
        batch.extend_from_slice(&self.uncut[end..]);
        self.uncut.truncate(end);
        mem::swap(&mut self.uncut, batch);
        true
    }

    fn batch_end(&mut self) -> Option<usize> {
        let mut from = BATCH;
        loop {
            if let Some(start) = starts(&self.uncut, from).next() {
                return Some(start);
            }
            from = from.max(self.uncut.len().saturating_sub(MAGIC.len()));
            if !self.read_on(MOST_COMPRESSED) {
                break;
            }
        }
        // What the source ends with is not worth a thread's time.
        (self.uncut.len() >= BATCH)
            .then(|| starts(&self.uncut, 1).last())
            .flatten()
    }

    fn read_on(&mut self, most: usize) -> bool {
        let room = most.saturating_sub(self.uncut.len());
        if room == 0 || self.fault.is_some() {
            return false;
        }
        self.uncut.reserve_exact(room);
        match self.source.fill_buf() {
            Ok(read) => {
                let length = read.len().min(room);
                self.uncut.extend_from_slice(&read[..length]);
                self.source.consume(length);
                length > 0
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => true,
            Err(error) => {
                self.fault = Some(error);
                false
            }
        }
    }
}

impl<R: Read> Read for Compressed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(buffer)?;
        self.consume(read);
        Ok(read)
    }
}

impl<R: Read> BufRead for Compressed<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if let Some(batch) = self.kept.front() {
            return Ok(&batch.compressed[self.at..]);
        }
        if self.at < self.uncut.len() {
            return Ok(&self.uncut[self.at..]);
        }
        match self.fault.take() {
            Some(fault) => Err(fault),
            None => self.source.fill_buf(),
        }
    }

    fn consume(&mut self, length: usize) {
        let Some(batch) = self.kept.front() else {
            match self.at < self.uncut.len() {
                true => self.at += length,
                false => self.source.consume(length),
            }
            return;
        };
        self.at += length;
        if self.at == batch.compressed.len() {
            self.kept.pop_front();
            self.at = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write};

    use flate2::bufread::MultiGzDecoder;
    use flate2::{Compression, Crc, GzBuilder};

    use super::batch::CHECKED;
    use super::large::SPARE;
    use super::*;

    struct Random(u64);

    impl Random {
        fn below(&mut self, bound: usize) -> usize {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            (self.0 % bound as u64) as usize
        }

        fn text(&mut self, length: usize) -> Vec<u8> {
            let mut text = Vec::with_capacity(length + 20);
            while text.len() < length {
                match self.below(40) {
                    0 => text.extend([0x1F, 0x8B, 0x08, self.below(256) as u8]),
                    1 => text.extend((0..self.below(20)).map(|_| self.below(256) as u8)),
                    _ => write!(text, "{:x} ", self.below(4000)).unwrap(),
                }
            }
            text.truncate(length);
            text
        }

        fn member(&mut self, length: usize) -> Vec<u8> {
            let text = self.text(length);
            let level = [0, 1, 6, 6, 9][self.below(5)];
            let named = match self.below(6) {
                0 => GzBuilder::new().filename(vec![b'n'; 1 + self.below(300)]),
                1 => GzBuilder::new().comment("a comment").mtime(7),
                2 => GzBuilder::new().extra(self.text(60)),
                _ => GzBuilder::new(),
            };
            let member = compressed(named, level, &text);
            match self.below(12) {
                0 if member[3] == 0 => with_header_check(&member, self.below(8) as u16 / 7),
                _ => member,
            }
        }

        fn small_members(&mut self, total: usize) -> Vec<u8> {
            let mut bytes = Vec::new();
            while bytes.len() < total {
                let length = self.below(16_000);
                let text = self.text(length);
                bytes.extend(compressed(GzBuilder::new(), 6, &text));
            }
            bytes
        }
    }

    fn compressed(header: GzBuilder, level: u32, text: &[u8]) -> Vec<u8> {
        let mut encoder = header.write(Vec::new(), Compression::new(level));
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn with_header_check(member: &[u8], wrong: u16) -> Vec<u8> {
        let mut header = member[..10].to_vec();
        header[3] = CHECKED;
        let mut crc = Crc::new();
        crc.update(&header);
        let sum = crc.sum() as u16 ^ wrong;
        [&header[..], &sum.to_le_bytes(), &member[10..]].concat()
    }

    /// Hands out few bytes at a time, and fails when it has none left if told to.
    struct Trickle<'a> {
        bytes: Cursor<&'a [u8]>,
        most: usize,
        fails: bool,
    }

    impl Read for Trickle<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let most = buffer.len().min(self.most);
            match self.bytes.read(&mut buffer[..most])? {
                0 if self.fails => Err(io::Error::new(ErrorKind::BrokenPipe, "gone")),
                read => Ok(read),
            }
        }
    }

    fn trickle(bytes: &[u8], most: usize, fails: bool) -> Trickle<'_> {
        Trickle {
            bytes: Cursor::new(bytes),
            most,
            fails,
        }
    }

    type Outcome = (Vec<u8>, Option<(ErrorKind, String)>);

    /// What comes out if so many bytes are asked for at once, up to the first error.
    fn outcome(decoder: &mut impl Read, most: usize) -> Outcome {
        let (mut text, mut buffer) = (Vec::new(), vec![0; most]);
        loop {
            match decoder.read(&mut buffer) {
                Ok(0) => return (text, None),
                Ok(read) => text.extend_from_slice(&buffer[..read]),
                Err(error) => return (text, Some((error.kind(), error.to_string()))),
            }
        }
    }

    /// What the library's streaming decoder gives. What it has decoded in the call that meets damage it
    /// throws away, so there it is asked byte by byte.
    fn expected<R: Read>(source: impl Fn() -> R) -> Outcome {
        let decoder = || MultiGzDecoder::new(BufReader::new(source()));
        let (text, fault) = outcome(&mut decoder(), 50_000);
        if fault.is_none() {
            return (text, fault);
        }
        let mut decoder = decoder();
        decoder.read_exact(&mut vec![0; text.len()]).unwrap();
        let (rest, fault) = outcome(&mut decoder, 1);
        ([text, rest].concat(), fault)
    }

    fn found(source: impl Read, count: usize, most: usize) -> Outcome {
        let mut members = Members::new(source, count);
        let found = outcome(&mut members, most);
        assert!(members.read(&mut [0]).is_ok_and(|read| read == 0));
        found
    }

    #[track_caller]
    fn check(bytes: &[u8], counts: &[usize]) {
        let expected = expected(|| bytes);
        // None: a batch is decoded where it is read.
        for &count in [0].iter().chain(counts) {
            let found = found(bytes, count, 50_000);
            assert_eq!(found.1, expected.1, "{count} threads");
            assert!(found.0 == expected.0, "{count} threads");
        }
    }

    /// How many bytes were streamed by the thread that reads.
    fn streamed(bytes: &[u8]) -> usize {
        let (mut members, mut buffer, mut total) = (Members::new(bytes, 2), vec![0; 4096], 0);
        loop {
            let read = members.read(&mut buffer).unwrap();
            if read == 0 {
                return total;
            }
            if matches!(members.state, State::Header(_) | State::Rest(_)) {
                total += read;
            }
        }
    }

    #[test]
    fn members_of_every_size_and_header_are_one_text() {
        let mut random = Random(1);
        for round in 0..12 {
            let mut bytes = Vec::new();
            for _ in 0..=random.below(80) {
                let most = [1, 2, 300, 20_000, 20_000, 300_000][random.below(6)];
                let length = random.below(most);
                bytes.extend(random.member(length));
            }
            if round % 12 == 0 {
                bytes.extend(random.member(3_000_000));
                bytes.extend(random.small_members(400_000));
            }
            check(&bytes, &[1, 2, 4]);
        }
    }

    #[test]
    fn empty_members_and_empty_sources() {
        let empty = compressed(GzBuilder::new(), 6, b"");
        check(b"", &[1, 2]);
        check(&empty, &[1, 2]);
        check(&empty.repeat(10_000), &[1, 2]);
        let mut random = Random(2);
        let mut bytes = random.small_members(300_000);
        bytes.extend(&empty);
        bytes.extend(random.small_members(300_000));
        bytes.extend(&empty);
        check(&bytes, &[1, 2, 4]);
    }

    #[test]
    fn small_members_are_decoded_ahead() {
        let mut random = Random(3);
        let bytes = random.small_members(2_000_000);
        check(&bytes, &[1, 2, 4, 50]);
        let streamed = streamed(&bytes);
        assert!(streamed < 1_000_000, "{streamed}");
    }

    #[test]
    fn after_a_large_member_they_are_decoded_ahead_again() {
        let mut random = Random(4);
        let text = random.text(3_000_000);
        let large = compressed(GzBuilder::new(), 6, &text);
        let bytes = [
            random.small_members(1_000_000),
            large,
            random.small_members(3_000_000),
        ]
        .concat();
        check(&bytes, &[1, 2, 4]);
        let streamed = streamed(&bytes);
        assert!((100_000..3_000_000).contains(&streamed), "{streamed}");
    }

    #[test]
    fn large_members_are_decoded_ahead_to_their_last_blocks() {
        let mut random = Random(15);
        for level in [2, 6, 9] {
            let text = random.text(6_000_000);
            let large = compressed(GzBuilder::new().filename("name"), level, &text);
            check(&large, &[1, 2]);
            check(&large.repeat(2), &[2]);
            let streamed = streamed(&large);
            assert!(streamed < 400_000, "{streamed} at level {level}");
        }
    }

    #[test]
    fn large_members_of_other_blocks_are_streamed() {
        let mut random = Random(16);
        let (text, mut noise) = (random.text(3_000_000), vec![0; 3_000_000]);
        noise.fill_with(|| random.below(256) as u8);
        // Stored ones, and such with the fixed codes.
        for level in [0, 1] {
            let other = compressed(GzBuilder::new(), level, &text);
            assert_eq!(streamed(&other), text.len());
            check(&other, &[2]);
        }
        check(&compressed(GzBuilder::new(), 6, &noise), &[2]);
        let mixed = [&text[..], &noise, &text, &vec![b'a'; 30_000_000], &text].concat();
        check(&compressed(GzBuilder::new(), 6, &mixed), &[2]);
    }

    #[test]
    fn large_members_that_are_cut_or_damaged() {
        let mut random = Random(17);
        let text = random.text(5_000_000);
        let mut large = compressed(GzBuilder::new(), 6, &text);
        for _ in 0..8 {
            check(&large[..random.below(large.len())], &[2]);
            check(&large[..large.len() - random.below(20)], &[2]);
        }
        let outcome_of = |bytes: &[u8]| {
            let (expected, found) = (expected(|| bytes), found(bytes, 2, 1000));
            assert_eq!(found.1, expected.1);
            assert!(found.0 == expected.0);
            assert!(text.starts_with(&found.0) || found.1.is_some());
        };
        let last = large.len() - 1;
        for at in [last, last - 5, last - 9] {
            large[at] ^= 1;
            outcome_of(&large);
            large[at] ^= 1;
        }
        for _ in 0..8 {
            let (at, bit) = (random.below(large.len()), 1 << random.below(8));
            large[at] ^= bit;
            outcome_of(&large);
            large[at] ^= bit;
        }
    }

    #[test]
    fn a_large_member_whose_source_hands_out_little_or_fails() {
        let mut random = Random(18);
        let text = random.text(4_000_000);
        let large = compressed(GzBuilder::new(), 6, &text);
        for (length, fails) in [
            (large.len(), false),
            (large.len() - 9, true),
            (700_000, true),
        ] {
            let source = || trickle(&large[..length], 777, fails);
            assert!(found(source(), 2, 50_000) == expected(source));
        }
        for read in [1, 500_000, 1_500_000] {
            let mut members = Members::new(&large[..], 2);
            members.read_exact(&mut vec![0; read]).unwrap();
        }
    }

    #[test]
    fn many_large_members_hold_no_more_than_one() {
        let text = Random(19).text(6_000_000);
        let large = compressed(GzBuilder::new(), 6, &text);
        let ranges = [(); 3].map(|()| {
            check(&large, &[2]);
            let spare = SPARE.take();
            let ranges = spare.len();
            SPARE.set(spare);
            ranges
        });
        assert_eq!(ranges, [3; 3]);
    }

    #[test]
    fn stored_text_that_looks_like_members() {
        let mut random = Random(5);
        let inner = random.small_members(400_000);
        let nested = compressed(GzBuilder::new(), 0, &inner);
        check(&nested, &[1, 2]);
        let fakes = [0x1F, 0x8B, 0x08, 0].repeat(500_000);
        let fakes = compressed(GzBuilder::new(), 0, &fakes);
        let few = compressed(GzBuilder::new(), 0, &[0x1F, 0x8B, 0x08, 0].repeat(500));
        for middle in [nested, fakes, few.repeat(500)] {
            let bytes = [
                random.small_members(900_000),
                middle,
                random.small_members(900_000),
            ]
            .concat();
            check(&bytes, &[1, 2, 4]);
        }
    }

    /// A member's own end within it, before what looks like the next.
    #[test]
    fn a_forged_end_is_no_end() {
        let mut random = Random(6);
        let mut text = random.text(5000);
        let size = text.len() as u32 + 12;
        text.splice(2000..2000, size.to_le_bytes());
        text.splice(2004..2004, [0x1F, 0x8B, 0x08, 0, 0, 0, 0, 0]);
        let forged = compressed(GzBuilder::new(), 0, &text);
        check(&forged.repeat(200), &[1, 2]);
        // A second end after the real one.
        let whole = random.small_members(500_000);
        let again = [&whole[..], &whole[whole.len() - 8..], &whole].concat();
        check(&again, &[1, 2, 4]);
    }

    #[test]
    fn cut_anywhere_everything_before_comes_out() {
        let mut random = Random(7);
        let bytes = random.small_members(400_000);
        for _ in 0..20 {
            check(&bytes[..random.below(bytes.len())], &[2]);
        }
        for cut in 0..20 {
            check(&bytes[..cut], &[1]);
            check(&bytes[..bytes.len() - cut], &[2]);
        }
    }

    #[test]
    fn flipped_bits_give_what_the_streaming_decoder_gives() {
        let mut random = Random(8);
        let mut bytes = random.small_members(80_000);
        bytes.extend(random.member(200_000));
        bytes.extend(random.small_members(150_000));
        let mut faults = 0;
        for round in 0..30 {
            let (at, bit) = (random.below(bytes.len()), 1 << random.below(8));
            bytes[at] ^= bit;
            let expected = expected(|| &bytes[..]);
            for at_once in [1, 50_000] {
                let found = found(&bytes[..], 1 + round % 4, at_once);
                assert!(found == expected, "{round} {at_once}: {:?}", expected.1);
            }
            faults += usize::from(expected.1.is_some());
            bytes[at] ^= bit;
        }
        assert!(faults > 20, "{faults}");
    }

    #[test]
    fn what_follows_the_last_member_is_what_it_is_to_the_streaming_decoder() {
        let mut random = Random(9);
        for total in [1, 300_000] {
            for tail in [&b"garbage"[..], &vec![7; 100_000], &[0x1F, 0x8B]] {
                let bytes = [&random.small_members(total)[..], tail].concat();
                check(&bytes, &[1, 2]);
            }
        }
    }

    #[test]
    fn garbage_between_members_of_any_length() {
        let mut random = Random(14);
        let (few, many) = (random.small_members(4000), random.small_members(300_000));
        for length in 0..24 {
            let garbage = MAGIC.repeat(length);
            check(&[&few[..], &garbage, &many].concat(), &[2]);
            check(&[&many[..], &garbage, &many].concat(), &[2]);
        }
        // Where a batch is not cut by its beginning: the garbage comes first in a batch.
        for length in 1..24 {
            let mut bytes = random.small_members(150_000);
            bytes.splice(0..0, few.iter().copied().chain(MAGIC.repeat(length)));
            check(&bytes, &[1]);
        }
    }

    #[test]
    fn zeros_behind_members_are_passed_over() {
        let mut random = Random(15);
        let large = random.member(3_000_000);
        let (few, many) = (random.small_members(4000), random.small_members(300_000));
        for length in [1, 2, 3, 9, 10, 18, 512, 100_000, 1_500_000] {
            let zeros = vec![0; length];
            for members in [&few, &many, &large] {
                let bytes = [&few[..], &zeros, members, &zeros].concat();
                let without = [&few[..], members].concat();
                let expected = expected(|| &without[..]);
                for count in [0, 1, 2] {
                    let found = found(&bytes[..], count, 50_000);
                    assert!(found == expected, "{length} zeros, {count} threads");
                }
            }
            check(&zeros, &[2]);
        }
    }

    #[test]
    fn bombs_are_streamed() {
        let mut random = Random(10);
        let bomb = compressed(GzBuilder::new(), 9, &vec![0; 20_000_000]);
        let bytes = [
            random.small_members(300_000),
            bomb.repeat(5),
            random.small_members(300_000),
        ];
        check(&bytes.concat(), &[2]);
    }

    #[test]
    fn sources_that_hand_out_little_or_fail() {
        let mut random = Random(11);
        let bytes = random.small_members(600_000);
        for most in [1, 7, 5000] {
            for length in [bytes.len(), 300_000, 80_000, 10] {
                for fails in [false, true] {
                    let source = || trickle(&bytes[..length], most, fails);
                    let found = found(source(), 2, 50_000);
                    let expected = expected(source);
                    assert!(found == expected, "{most} {length} {fails}");
                }
            }
        }
    }

    #[test]
    fn dropped_early_nothing_hangs() {
        let mut random = Random(12);
        let bytes = random.small_members(2_000_000);
        for count in [1, 2, 4] {
            for read in [0, 1, 50_000, 1_000_000] {
                let mut members = Members::new(&bytes[..], count);
                members.read_exact(&mut vec![0; read]).unwrap();
            }
        }
    }

    #[test]
    fn long_names_and_wrong_header_checks_are_refused_alike() {
        let mut random = Random(13);
        let small = random.small_members(200_000);
        let text = random.text(3000);
        let plain = compressed(GzBuilder::new(), 6, &text);
        for length in [60_000, 65_535, 65_536, 70_000] {
            let named = GzBuilder::new().filename(vec![b'n'; length]);
            let odd = compressed(named, 6, &text);
            check(&[&small[..], &odd, &small].concat(), &[2]);
        }
        for wrong in [0, 1] {
            let odd = with_header_check(&plain, wrong);
            check(&[&small[..], &odd, &small].concat(), &[2]);
        }
    }
}
