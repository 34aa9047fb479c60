//! The one number a person gives: how many bytes the process may hold.

use std::fmt;
use std::str::FromStr;

use bytesize::ByteSize;
use sysinfo::{MemoryRefreshKind, System};

use crate::error::{Error, Result};

/// The smallest limit that can be kept: code, stacks and one batch of each operator of a plan take about this much.
const SMALLEST: u64 = 128_000_000;

/// How many bytes the process may hold, from start to end.
///
/// Parsed from `512MB` (powers of 1000), `4GiB` (powers of 1024), a number of bytes, or a share of the machine's
/// memory: `50%`. Below 128 MB it is refused: a limit that cannot be kept is not a limit.
///
/// ```
/// use partita::MemoryLimit;
/// let limit: MemoryLimit = "512MB".parse().unwrap();
/// assert_eq!(limit.bytes(), 512_000_000);
/// assert!("100MB".parse::<MemoryLimit>().is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct MemoryLimit(u64);

impl MemoryLimit {
    /// A limit of that many bytes; an error below 128 MB.
    ///
    /// ```
    /// # use partita::MemoryLimit;
    /// assert_eq!(MemoryLimit::new(512_000_000).unwrap().to_string(), "512.0 MB");
    /// assert!(MemoryLimit::new(1_000_000).is_err());
    /// ```
    pub fn new(bytes: u64) -> Result<Self> {
        if bytes < SMALLEST {
            return Err(Error::user(format!(
                "a memory limit of {} cannot be kept: the smallest is {}",
                self::bytes(bytes),
                self::bytes(SMALLEST)
            )));
        }
        Ok(Self(bytes))
    }

    /// The smallest limit that is accepted, 128 MB.
    ///
    /// ```
    /// # use partita::MemoryLimit;
    /// assert_eq!(MemoryLimit::smallest(), "128MB".parse::<MemoryLimit>().unwrap());
    /// ```
    pub fn smallest() -> Self {
        Self(SMALLEST)
    }

    /// The limit in bytes.
    ///
    /// ```
    /// # use partita::MemoryLimit;
    /// assert_eq!(MemoryLimit::smallest().bytes(), 128_000_000);
    /// ```
    pub fn bytes(self) -> u64 {
        self.0
    }
}

impl Default for MemoryLimit {
    /// Four fifths of the machine's memory, or of the container's where that is smaller.
    fn default() -> Self {
        Self((machine() / 5 * 4).max(SMALLEST))
    }
}

impl FromStr for MemoryLimit {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let Some(percent) = text.trim().strip_suffix('%') else { return Self::new(parse_bytes(text)?) };
        match percent.trim().parse::<f64>() {
            Ok(share) if share > 0.0 && share <= 100.0 => Self::new((machine() as f64 * share / 100.0) as u64),
            _ => Err(Error::user(format!("'{text}' is no share of the machine's memory: write 1% to 100%"))),
        }
    }
}

impl fmt::Display for MemoryLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&bytes(self.0))
    }
}

/// The machine's memory in bytes, or the control group's where that is smaller.
pub(super) fn machine() -> u64 {
    // Where the system does not tell, the smallest limit is the safe one.
    let Ok(mut system) = System::new() else { return SMALLEST };
    system.refresh_memory_specifics(MemoryRefreshKind::nothing().with_ram());
    let total = system.total_memory();
    system.cgroup_limits().map_or(total, |group| group.total_memory.min(total))
}

/// A size in bytes as people write it: `512MB`, `4GiB`, `1000`.
///
/// ```
/// assert_eq!(partita::memory::parse_bytes("4GiB").unwrap(), 4 << 30);
/// ```
pub fn parse_bytes(text: &str) -> Result<u64> {
    text.trim().parse::<ByteSize>().map(|size| size.as_u64()).map_err(|_| {
        Error::user(format!("'{text}' is no size")).with_hint("write a number and a unit, such as 512MB or 4GiB")
    })
}

/// A size as people read it: `512.0 MB`.
pub(crate) fn bytes(bytes: u64) -> String {
    ByteSize::b(bytes).display().si().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_decimal_and_binary() {
        assert_eq!(parse_bytes("512MB").unwrap(), 512_000_000);
        assert_eq!(parse_bytes("4GiB").unwrap(), 4 << 30);
        assert_eq!(parse_bytes(" 1.5 GB ").unwrap(), 1_500_000_000);
        assert!(parse_bytes("much").is_err());
        assert!(parse_bytes("-1MB").is_err());
    }

    #[test]
    fn shares_are_of_this_machine() {
        let half: MemoryLimit = "50%".parse().unwrap();
        assert!(half.bytes() <= machine() / 2 + 1);
        assert!("0%".parse::<MemoryLimit>().is_err());
        assert!("101%".parse::<MemoryLimit>().is_err());
    }
}
