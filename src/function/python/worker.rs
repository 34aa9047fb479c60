//! One worker: a Python process and the socket to it.

use std::collections::HashSet;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::error::{Error, Result};
use crate::function::call::Environment;
use crate::memory::{bytes, resident};

/// The program of every worker: what it answers, how it reads functions that run natively, and the call of both.
const PROGRAM: &str = concat!(include_str!("worker.py"), include_str!("native/tree.py"), "\n\nmain()\n");

/// How often somebody who waits for a worker looks whether the query was cancelled, time is up, or memory is.
const TICK: Duration = Duration::from_millis(20);

/// A Python process. It ends when it is dropped, and by itself when this program is gone: its standard input is a pipe
/// that closes then.
#[derive(Debug)]
pub(super) struct Worker {
    child: Child,
    channel: UnixStream,
    pub(super) python: String,
    /// The functions that it has been told of.
    pub(super) loaded: HashSet<String>,
    /// When it was last given back.
    pub(super) idle_since: Instant,
}

/// What a worker must keep to while it answers.
#[derive(Debug, Clone)]
pub(super) struct Limits<'a> {
    pub(super) environment: &'a Environment,
    /// The most bytes that it may hold for itself.
    pub(super) memory: u64,
}

/// A worker that could not answer: it is not to be asked again.
#[derive(Debug)]
pub(super) enum Broken {
    Cancelled,
    Timeout(Duration),
    Memory(u64),
    /// The other side is gone.
    Gone,
    Io(std::io::Error),
}

impl Worker {
    /// Starts a worker.
    ///
    /// Errors: an interpreter that is not there.
    pub(super) fn start(python: &str) -> Result<Self> {
        let (channel, theirs) = UnixStream::pair()?;
        channel.set_read_timeout(Some(TICK))?;
        channel.set_write_timeout(Some(TICK))?;
        let child = Command::new(python)
            .args(["-c", PROGRAM])
            .stdin(Stdio::piped())
            .stdout(Stdio::from(OwnedFd::from(theirs)))
            .stderr(Stdio::inherit())
            // Ctrl-C at the terminal is this program's alone.
            .process_group(0)
            .spawn()
            .map_err(|error| {
                Error::user(format!("cannot start Python '{python}': {error}"))
                    .with_hint("SET python_path = '…' or the environment variable PARTITA_PYTHON names the interpreter")
            })?;
        resident::add_process(child.id());
        Ok(Self { child, channel, python: python.to_string(), loaded: HashSet::new(), idle_since: Instant::now() })
    }

    /// Sends a request and waits for the answer: its header and what follows that.
    pub(super) fn ask(&mut self, header: &Value, data: &[u8], limits: &Limits<'_>) -> Result<(Value, Vec<u8>), Broken> {
        let started = Instant::now();
        let header = header.to_string();
        let mut request = Vec::with_capacity(12 + header.len());
        request.extend_from_slice(&(header.len() as u32).to_le_bytes());
        request.extend_from_slice(&(data.len() as u64).to_le_bytes());
        request.extend_from_slice(header.as_bytes());
        self.send(&request, started, limits)?;
        self.send(data, started, limits)?;
        let mut sizes = [0; 12];
        self.receive(&mut sizes, started, limits)?;
        let [a, b, c, d, rest @ ..] = sizes;
        let mut header = vec![0; u32::from_le_bytes([a, b, c, d]) as usize];
        self.receive(&mut header, started, limits)?;
        let mut data = vec![0; usize::try_from(u64::from_le_bytes(rest)).map_err(|_| Broken::Gone)?];
        self.receive(&mut data, started, limits)?;
        let header = serde_json::from_slice(&header).map_err(|_| Broken::Gone)?;
        Ok((header, data))
    }

    fn send(&mut self, mut data: &[u8], started: Instant, limits: &Limits<'_>) -> Result<(), Broken> {
        while !data.is_empty() {
            match self.channel.write(data) {
                Ok(0) => return Err(Broken::Gone),
                Ok(sent) => data = &data[sent..],
                Err(error) => self.waited(error, started, limits)?,
            }
        }
        Ok(())
    }

    fn receive(&mut self, mut data: &mut [u8], started: Instant, limits: &Limits<'_>) -> Result<(), Broken> {
        while !data.is_empty() {
            match self.channel.read(data) {
                Ok(0) => return Err(Broken::Gone),
                Ok(received) => data = &mut data[received..],
                Err(error) => self.waited(error, started, limits)?,
            }
        }
        Ok(())
    }

    /// Whether to go on waiting.
    fn waited(&self, error: std::io::Error, started: Instant, limits: &Limits<'_>) -> Result<(), Broken> {
        match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted => {}
            ErrorKind::BrokenPipe | ErrorKind::ConnectionReset | ErrorKind::UnexpectedEof => return Err(Broken::Gone),
            _ => return Err(Broken::Io(error)),
        }
        let settings = &limits.environment.settings;
        if limits.environment.scope.is_cancelled() {
            return Err(Broken::Cancelled);
        }
        if let Some(timeout) = settings.timeout
            && started.elapsed() > timeout
        {
            return Err(Broken::Timeout(timeout));
        }
        if resident::private_of(self.child.id()) > limits.memory {
            return Err(Broken::Memory(limits.memory));
        }
        Ok(())
    }

    /// The error of a worker that broke, in a person's words.
    pub(super) fn error(mut self, broken: Broken, function: &str) -> Error {
        match broken {
            Broken::Cancelled => Error::cancelled(),
            Broken::Timeout(timeout) => too_late(function, timeout),
            Broken::Memory(limit) => out_of_memory(function, limit),
            Broken::Io(error) => Error::io(format!("the Python worker of '{function}' cannot be reached"), error),
            Broken::Gone => Error::data(format!("the Python worker of '{function}' {}", self.end())),
        }
    }

    fn end(&mut self) -> String {
        // It may still be on its way out.
        for _ in 0..50 {
            match self.child.try_wait() {
                Ok(None) => std::thread::sleep(Duration::from_millis(2)),
                Ok(Some(status)) => {
                    return match (status.signal(), status.code()) {
                        (Some(signal), _) => format!("crashed: signal {signal}"),
                        (None, code) => format!("ended in the middle: exit code {}", code.unwrap_or(-1)),
                    };
                }
                Err(error) => return format!("is lost: {error}"),
            }
        }
        "closed its socket".to_string()
    }
}

pub(super) fn too_late(function: &str, timeout: Duration) -> Error {
    let seconds = timeout.as_secs_f64();
    Error::data(format!("function '{function}' took more than {seconds} s for a batch, which is function_timeout"))
        .with_hint("SET function_timeout = '10m' gives it more time, 'none' all of it")
}

pub(super) fn out_of_memory(function: &str, limit: u64) -> Error {
    Error::memory(format!("function '{function}' needs more memory than function_memory, {}", bytes(limit)))
        .with_hint("SET function_memory = '2GB' gives its workers more")
}

impl Drop for Worker {
    fn drop(&mut self) {
        resident::remove_process(self.child.id());
        // A child that is gone already needs no killing.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
