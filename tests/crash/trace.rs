//! What `strace -f -y -xx` wrote, as the steps that it tells of.
//!
//! A call of one thread that goes on while another one calls is told in two lines. What a sync
//! covers is what was done when it began, and it holds when it has ended; other calls are done when
//! they have ended.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// One step of a run. Paths are those that the system has for them.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    Open {
        fd: u32,
        path: PathBuf,
        is_cut: bool,
        is_made: bool,
    },
    Copied {
        from: u32,
        to: u32,
    },
    At {
        fd: u32,
        offset: u64,
    },
    Write {
        fd: u32,
        bytes: Vec<u8>,
    },
    /// A file was copied: so many bytes, from where each file is.
    CopyRange {
        from: u32,
        to: u32,
        length: u64,
    },
    Length {
        fd: u32,
        length: u64,
    },
    /// A sync begins that has this number.
    BeginSync {
        number: usize,
        fd: u32,
    },
    EndSync {
        number: usize,
    },
    Rename {
        from: PathBuf,
        to: PathBuf,
    },
    Remove(PathBuf),
    MakeFolder(PathBuf),
}

/// The calls that must be traced for this.
pub const CALLS: &str = "trace=openat,fcntl,lseek,write,copy_file_range,ftruncate,fsync,fdatasync,\
    rename,unlink,unlinkat,rmdir,mkdir,\
    pwrite64,writev,pwritev,pwritev2,sendfile,splice,fallocate,renameat,renameat2,linkat,symlink,dup,dup2,dup3,mkdirat,truncate,open,creat";

/// The steps of a run in this folder. A call that it does not know is an error.
pub fn steps(trace: &str, folder: &Path) -> Vec<Step> {
    let mut begun: HashMap<&str, (String, Option<usize>)> = HashMap::new();
    let (mut steps, mut syncs) = (Vec::new(), 0);
    for line in trace.lines() {
        let (thread, text) = line.split_once(' ').unwrap();
        let text = text.trim_start();
        let mut begin_sync = |text: &str| {
            let call = Call::of(text);
            matches!(call.name, "fsync" | "fdatasync").then(|| {
                syncs += 1;
                let (number, fd) = (syncs, call.fd(0));
                steps.push(Step::BeginSync { number, fd });
                number
            })
        };
        if text.starts_with("+++") || text.starts_with("---") {
            continue;
        }
        let (text, sync) = if let Some(text) = text.strip_suffix(" <unfinished ...>") {
            let sync = begin_sync(text);
            begun.insert(thread, (text.to_owned(), sync));
            continue;
        } else if text.starts_with("<... ") {
            let (beginning, sync) = begun.remove(thread).unwrap();
            let end = text.split_once(" resumed>").unwrap().1;
            (beginning + end, sync)
        } else {
            (text.to_owned(), begin_sync(text))
        };
        let call = Call::of(&text);
        match sync {
            // A sync that is not over when the program ends has no result.
            Some(number) if call.result == Some(0) => steps.push(Step::EndSync { number }),
            Some(_) => {}
            None => steps.extend(call.step(folder)),
        }
    }
    steps
}

/// A call with its arguments as they are told.
#[derive(Debug)]
struct Call<'t> {
    name: &'t str,
    args: Vec<&'t str>,
    /// None of one that has failed, or has not ended.
    result: Option<u64>,
    path: Option<PathBuf>,
}

impl<'t> Call<'t> {
    /// Bytes are in hexadecimal digits, so that what separates arguments is nowhere else.
    fn of(text: &'t str) -> Self {
        let (name, rest) = text.split_once('(').unwrap();
        let (args, result) = rest.split_once(')').unwrap_or((rest, ""));
        let result = result.trim_start().trim_start_matches('=').trim_start();
        let digits = result.split(|c: char| !c.is_ascii_digit()).next();
        Self {
            name,
            args: args.split(", ").collect(),
            result: digits.and_then(|digits| digits.parse().ok()),
            path: path_of(result),
        }
    }

    fn fd(&self, at: usize) -> u32 {
        let digits = self.args[at].split('<').next().unwrap();
        digits.parse().unwrap()
    }

    fn bytes(&self, at: usize) -> Vec<u8> {
        let text = self.args[at].trim_matches('"');
        assert!(!text.ends_with("..."), "a call is told in part only");
        unescaped(text)
    }

    fn number(&self, at: usize) -> u64 {
        self.args[at].parse().unwrap()
    }

    /// What it does to files, if it has not failed.
    fn step(&self, folder: &Path) -> Option<Step> {
        let result = self.result?;
        let path = |at| folder.join(path_from(self.bytes(at)));
        Some(match self.name {
            "openat" => Step::Open {
                fd: result as u32,
                path: self.path.clone()?,
                is_cut: self.args[2].contains("O_TRUNC"),
                is_made: self.args[2].contains("O_CREAT"),
            },
            "fcntl" if self.args[1].starts_with("F_DUPFD") => Step::Copied {
                from: self.fd(0),
                to: result as u32,
            },
            "fcntl" => return None,
            "lseek" => Step::At {
                fd: self.fd(0),
                offset: result,
            },
            "write" => {
                let mut bytes = self.bytes(1);
                bytes.truncate(result as usize);
                Step::Write {
                    fd: self.fd(0),
                    bytes,
                }
            }
            "copy_file_range" => {
                assert_eq!((self.args[1], self.args[3]), ("NULL", "NULL"));
                Step::CopyRange {
                    from: self.fd(0),
                    to: self.fd(2),
                    length: result,
                }
            }
            "ftruncate" => Step::Length {
                fd: self.fd(0),
                length: self.number(1),
            },
            "rename" => Step::Rename {
                from: path(0),
                to: path(1),
            },
            "unlink" | "rmdir" => Step::Remove(path(0)),
            "mkdir" => Step::MakeFolder(path(0)),
            "unlinkat" => {
                let within = path_of(self.args[0]).unwrap();
                Step::Remove(within.join(path_from(self.bytes(1))))
            }
            other => panic!("{other} is not known here"),
        })
    }
}

/// The path between pointed brackets.
fn path_of(text: &str) -> Option<PathBuf> {
    let (_, rest) = text.split_once('<')?;
    Some(path_from(unescaped(rest.split_once('>')?.0)))
}

fn path_from(bytes: Vec<u8>) -> PathBuf {
    String::from_utf8(bytes).unwrap().into()
}

fn unescaped(text: &str) -> Vec<u8> {
    let digits = text.split("\\x").skip(1);
    digits
        .map(|digits| u8::from_str_radix(digits, 16).unwrap())
        .collect()
}

#[test]
fn a_trace_is_read() {
    let hex = |text: &str| {
        let bytes = text.bytes().map(|byte| format!("\\x{byte:02x}"));
        bytes.collect::<Vec<_>>().concat()
    };
    let (part, file, other) = (hex("/f/x.part"), hex("/f/x"), hex("x.part"));
    let trace = format!(
        "7 openat(AT_FDCWD</>, \"{other}\", O_WRONLY|O_CREAT|O_CLOEXEC, 0666) = 3<{part}>\n\
         7 openat(AT_FDCWD</>, \"{other}\", O_RDONLY) = -1 ENOENT (No such file or directory)\n\
         7 fcntl(3<{part}>, F_DUPFD_CLOEXEC, 3) = 4<{part}>\n\
         7 fcntl(3<{part}>, F_GETFD) = 0x1 (flags FD_CLOEXEC)\n\
         7 write(3<{part}>, \"{}\", 4 <unfinished ...>\n\
         8 fdatasync(4<{part}> <unfinished ...>\n\
         7 <... write resumed>) = 3\n\
         7 rename(\"{other}\", \"{}\") = 0\n\
         8 <... fdatasync resumed>) = 0\n\
         8 +++ exited with 0 +++\n\
         7 fsync(3<{file}>) = 0\n\
         7 ftruncate(3<{file}>, 2) = 0\n\
         7 lseek(3<{file}>, 0, SEEK_END) = 2\n",
        hex("abcd"),
        hex("x"),
    );
    let (path, fd) = (|name: &str| Path::new("/f").join(name), 3);
    let expected = [
        Step::Open {
            fd,
            path: path("x.part"),
            is_cut: false,
            is_made: true,
        },
        Step::Copied { from: 3, to: 4 },
        Step::BeginSync { number: 1, fd: 4 },
        Step::Write {
            fd,
            bytes: b"abc".to_vec(),
        },
        Step::Rename {
            from: path("x.part"),
            to: path("x"),
        },
        Step::EndSync { number: 1 },
        Step::BeginSync { number: 2, fd },
        Step::EndSync { number: 2 },
        Step::Length { fd, length: 2 },
        Step::At { fd, offset: 2 },
    ];
    assert_eq!(steps(&trace, Path::new("/f")), expected);
}
