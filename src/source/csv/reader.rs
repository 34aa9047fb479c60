//! The batches of one CSV file, or of a range of its bytes.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::PathBuf;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::csv::reader::Decoder;
use datafusion::physical_plan::metrics::Count;

use super::layout::Layout;
use super::salvage::Salvage;
use crate::error::{Error, Result};
use crate::source::location::shown;
use crate::source::options::OnBadValue;

/// How many bytes are read at a time.
const CHUNK: u64 = 256 * 1024;

/// The longest line: a quote that is never closed would make one of all that follows.
const LONGEST_LINE: usize = 64 * 1024 * 1024;

/// Reads batches one at a time. The bytes of the batch in the making are held, so that what is wrong with it can be
/// told:
///
/// ```text
/// window   │ batch in the making │ not decoded yet │
///          0                     fed               len
/// ```
pub(super) struct CsvReader {
    layout: Layout,
    path: PathBuf,
    input: Box<dyn Read + Send>,
    decoder: Decoder,
    window: Vec<u8>,
    fed: usize,
    /// Where the window begins in the (decompressed) file.
    offset: u64,
    /// The line that holds the byte before this offset is the last.
    end: Option<u64>,
    size: u64,
    /// Whether the header is among the bytes of the batch in the making.
    header: bool,
    drained: bool,
}

impl CsvReader {
    /// Reads `file`, or the lines that begin within `range` of it, in batches of `batch_size` rows.
    pub(super) fn open(
        layout: Layout,
        path: PathBuf,
        mut file: File,
        range: Option<Range<u64>>,
        batch_size: usize,
        bytes: Count,
    ) -> Result<Self> {
        let failed = |error| Error::io(format!("cannot read '{}'", shown(&path)), error);
        let size = file.metadata().map_err(failed)?.len();
        let start = range.as_ref().map_or(0, |range| range.start);
        // The byte before the range tells whether a line begins with it.
        let offset = start.saturating_sub(1);
        file.seek(SeekFrom::Start(offset)).map_err(failed)?;
        let input = layout.dialect.compression_of(&path).convert_read(Counted { file, bytes })?;
        let header = layout.dialect.header && start == 0;
        let mut reader = Self {
            decoder: layout.decoder(header, batch_size)?,
            end: range.map(|range| range.end).filter(|end| *end < size),
            window: Vec::new(),
            fed: 0,
            drained: false,
            layout,
            path,
            input,
            offset,
            size,
            header,
        };
        if start > 0 {
            reader.skip_line()?;
        }
        Ok(reader)
    }

    /// Skips the rest of the line that a range begins in: it belongs to the range before.
    fn skip_line(&mut self) -> Result<()> {
        while self.fill()? {
            let found = self.window.iter().position(|byte| *byte == b'\n');
            self.fed = found.map_or(self.window.len(), |at| at + 1);
            self.forget_fed();
            if found.is_some() {
                break;
            }
        }
        // A line longer than the range: what follows belongs to the next.
        if self.end.is_some_and(|end| self.offset >= end) {
            self.window.clear();
            self.drained = true;
        }
        Ok(())
    }

    /// Reads more bytes to the end of the window; `false` when there are none.
    fn fill(&mut self) -> Result<bool> {
        if self.drained {
            return Ok(false);
        }
        let before = self.window.len();
        let read = (&mut self.input).take(CHUNK).read_to_end(&mut self.window);
        let read = read.map_err(|error| {
            Error::data(format!("cannot read '{}': {error}", shown(&self.path)))
                .with_hint("a compressed file may have been cut short")
        })?;
        self.drained = read == 0;
        self.cut_at_end(before);
        Ok(self.window.len() > before)
    }

    /// Cuts the window behind the last line of the range.
    fn cut_at_end(&mut self, before: usize) {
        let Some(end) = self.end else { return };
        let last = (end - 1).saturating_sub(self.offset) as usize;
        let from = last.max(before).min(self.window.len());
        if let Some(at) = self.window[from..].iter().position(|byte| *byte == b'\n') {
            self.window.truncate(from + at + 1);
            self.drained = true;
        }
    }

    fn forget_fed(&mut self) {
        self.window.drain(..self.fed);
        self.offset += self.fed as u64;
        self.fed = 0;
    }

    fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        // How many rows were missing, and how many bytes were fed, when the last line ended.
        let mut ended = (self.decoder.capacity(), 0);
        while self.decoder.capacity() > 0 {
            if self.fed == self.window.len() && !self.fill()? {
                self.finish()?;
                break;
            }
            match self.decoder.decode(&self.window[self.fed..]) {
                Ok(read) => {
                    self.fed += read;
                    if ended.0 != self.decoder.capacity() {
                        ended = (self.decoder.capacity(), self.fed);
                    }
                    if self.fed - ended.1 > LONGEST_LINE {
                        return Err(self.salvage(self.fed).endless_line());
                    }
                }
                // Lines that do not have the columns.
                Err(error) => return Err(self.salvage(self.window.len()).locate(error.into())),
            }
        }
        let batch = match self.decoder.flush() {
            Ok(Some(batch)) => self.layout.batch(batch.columns(), batch.num_rows())?,
            Ok(None) => return Ok(None),
            Err(error) => match self.layout.dialect.on_bad_value {
                OnBadValue::Error => return Err(self.salvage(self.fed).locate(error.into())),
                OnBadValue::Null => self.salvage(self.fed).with_nulls()?,
            },
        };
        self.forget_fed();
        self.header = false;
        Ok(Some(batch))
    }

    /// Ends the last record of the bytes. A range that ends inside a record was cut within quotes: the rows that
    /// the next range makes of the rest would be wrong.
    fn finish(&mut self) -> Result<()> {
        let before = self.decoder.capacity();
        if let Err(error) = self.decoder.decode(&[]) {
            return Err(self.salvage(self.window.len()).locate(error.into()));
        }
        let whole_file = self.offset + self.fed as u64 >= self.size || self.end.is_none();
        if self.decoder.capacity() == before || whole_file {
            return Ok(());
        }
        Err(Error::data(format!("{}: a value in quotes holds a line break", shown(&self.path)))
            .with_hint("newlines_in_values => true reads such a file in one piece"))
    }

    fn salvage(&self, end: usize) -> Salvage<'_> {
        Salvage::new(&self.layout, &self.path, &self.window[..end], self.offset, self.header)
    }
}

impl Iterator for CsvReader {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = self.next_batch().transpose();
        if let Some(Err(_)) = batch {
            self.drained = true;
            self.window.clear();
            self.fed = 0;
        }
        batch
    }
}

/// Counts the bytes that are read from the disk.
struct Counted {
    file: File,
    bytes: Count,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.bytes.add(read);
        Ok(read)
    }
}
