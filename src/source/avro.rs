//! Whether an Avro file is whole. The engine's reader takes a file that was cut short for one with fewer rows.
//!
//! ```text
//! "Obj\x01" │ metadata: blocks of (key, value), 0 │ sync │ rows, bytes, data, sync │ rows, bytes, data, sync │ …
//! ```

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use crate::error::{Error, Result};

/// The marker behind the header and each block of rows.
const SYNC: u64 = 16;

/// Walks from block to block without reading the rows.
///
/// Errors: a file that is no Avro, or that ends inside a block.
pub(super) fn check_whole(path: &Path) -> Result<()> {
    let broken = |what: &str| {
        Error::data(format!("'{}' cannot be read as avro: {what}", path.display()))
            .with_hint("the file may have been cut short, or be of another format than its name says")
    };
    let read = |error| Error::io(format!("cannot read '{}'", path.display()), error);
    let file = File::open(path).map_err(read)?;
    let size = file.metadata().map_err(read)?.len();
    let mut walk = Walk { reader: BufReader::new(file), at: 0 };
    walk.header().map_err(|_| broken("it does not begin with Avro's header"))?;
    while walk.at < size {
        walk.block().map_err(|_| broken("it ends inside a block of rows"))?;
        if walk.at > size {
            return Err(broken("it ends inside a block of rows"));
        }
    }
    Ok(())
}

struct Walk {
    reader: BufReader<File>,
    at: u64,
}

impl Walk {
    fn header(&mut self) -> io::Result<()> {
        let mut magic = [0; 4];
        self.reader.read_exact(&mut magic)?;
        self.at += 4;
        if magic != *b"Obj\x01" {
            return Err(io::ErrorKind::InvalidData.into());
        }
        loop {
            let mut pairs = self.long()?;
            if pairs == 0 {
                return self.skip(SYNC);
            }
            if pairs < 0 {
                // A negative count is followed by the bytes of the pairs.
                self.long()?;
                pairs = -pairs;
            }
            for _ in 0..2 * pairs {
                self.sized()?;
            }
        }
    }

    fn block(&mut self) -> io::Result<()> {
        self.long()?;
        self.sized()?;
        self.skip(SYNC)
    }

    /// Skips as many bytes as the number before them says.
    fn sized(&mut self) -> io::Result<()> {
        let bytes = self.long()?;
        self.skip(u64::try_from(bytes).map_err(|_| io::ErrorKind::InvalidData)?)
    }

    fn skip(&mut self, bytes: u64) -> io::Result<()> {
        self.at = self.at.checked_add(bytes).ok_or(io::ErrorKind::InvalidData)?;
        self.reader.seek_relative(i64::try_from(bytes).map_err(|_| io::ErrorKind::InvalidData)?)
    }

    /// Avro's numbers: seven bits a byte, the lowest first, the sign in the lowest bit.
    fn long(&mut self) -> io::Result<i64> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let mut byte = [0];
            self.reader.read_exact(&mut byte)?;
            self.at += 1;
            number |= u64::from(byte[0] & 0x7f) << shift;
            if byte[0] & 0x80 == 0 {
                return Ok((number >> 1) as i64 ^ -((number & 1) as i64));
            }
        }
        Err(io::ErrorKind::InvalidData.into())
    }
}
