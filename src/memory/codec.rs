//! Whether what goes to disk is compressed.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use datafusion::arrow::ipc::CompressionType;
use datafusion::config::SpillCompression;
use datafusion::execution::disk_manager::DiskManager;

use super::limit::machine;

/// Chooses for each batch of a file between lz4 and none, by what the batches before have taken a byte:
///
/// ```text
/// disk slow, or its cache full      lz4: fewer bytes to wait for
/// disk fast, or its cache empty     none: measured at 512 MB, queries that spill take a tenth to a quarter less time
/// a quarter of `spill_limit` used   lz4: the rest has to do for a few times as many rows
/// a quarter of the memory used      lz4: the system does not keep all of the files in memory, and they are read back
///                                   from the disk; measured, a UNION of 100 million wide rows took half as long again
/// ```
///
/// Both are tried first, and the slower one again for one batch in [`Codec::AGAIN`]. DuckDB chooses for its temporary
/// files likewise (`TemporaryFileCompressionAdaptivity`).
#[derive(Debug, Clone)]
pub(crate) struct Codec {
    wanted: SpillCompression,
    plain: Option<f64>,
    packed: Option<f64>,
    batches: u32,
}

impl Codec {
    const AGAIN: u32 = 32;

    /// For a new file; a session that wants another compression than lz4 has it throughout.
    pub(crate) fn new(wanted: SpillCompression) -> Self {
        Self { wanted, plain: None, packed: None, batches: 0 }
    }

    /// Writes one batch of `bytes` bytes by `write`, which is told how to compress it.
    pub(crate) fn write<T, E>(
        &mut self,
        bytes: usize,
        disk: &DiskManager,
        write: impl FnOnce(Option<CompressionType>) -> Result<T, E>,
    ) -> Result<T, E> {
        let compression = self.choose(disk);
        let started = Instant::now();
        let written = write(compression)?;
        self.note(compression.is_some(), bytes, started.elapsed());
        Ok(written)
    }

    fn choose(&mut self, disk: &DiskManager) -> Option<CompressionType> {
        let scarce = disk.used_disk_space() > disk.max_temp_directory_size().min(memory()) / 4;
        if self.wanted != SpillCompression::Lz4Frame || scarce {
            return self.wanted.into();
        }
        self.batches += 1;
        let packed = match (self.plain, self.packed) {
            (None, _) => false,
            (_, None) => true,
            (Some(plain), Some(packed)) => (packed < plain) != self.batches.is_multiple_of(Self::AGAIN),
        };
        packed.then_some(CompressionType::LZ4_FRAME)
    }

    fn note(&mut self, packed: bool, bytes: usize, taken: Duration) {
        let seconds = taken.as_secs_f64() / bytes.max(1) as f64;
        let known = if packed { &mut self.packed } else { &mut self.plain };
        *known = Some(known.map_or(seconds, |known| 0.75 * known + 0.25 * seconds));
    }
}

/// The bytes of memory that the machine has, or its control group.
fn memory() -> u64 {
    static MEMORY: OnceLock<u64> = OnceLock::new();
    *MEMORY.get_or_init(machine)
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::Arc;

    use datafusion::execution::disk_manager::DiskManagerBuilder;

    use super::*;

    /// How many of 320 batches are compressed where these times are taken for a batch.
    fn packed(codec: &mut Codec, disk: &DiskManager, plain: u64, packed: u64) -> usize {
        let choices = (0..320).map(|_| {
            let choice = codec.choose(disk).is_some();
            codec.note(choice, 1000, Duration::from_millis(if choice { packed } else { plain }));
            usize::from(choice)
        });
        choices.sum()
    }

    #[test]
    fn the_faster_way_is_taken_and_the_other_tried_again() {
        let disk = DiskManagerBuilder::default().build().unwrap();
        let mut codec = Codec::new(SpillCompression::Lz4Frame);
        assert_eq!(packed(&mut codec, &disk, 10, 20), 11);
        // The disk has become slow: that is noticed when the plain batch is the one in hand.
        let slow = packed(&mut codec, &disk, 40, 20);
        assert!(slow > 300, "{slow}");
    }

    #[test]
    fn what_is_scarce_is_compressed_and_a_wish_is_kept() {
        let scarce = Arc::new(DiskManagerBuilder::default().with_max_temp_directory_size(1000).build().unwrap());
        let file = scarce.create_tmp_file("a quarter").unwrap();
        let mut writer = file.open_writer().unwrap();
        writer.write_all(&[0; 300]).unwrap();
        writer.finish().unwrap();
        assert_eq!(packed(&mut Codec::new(SpillCompression::Lz4Frame), &scarce, 10, 20), 320);
        let roomy = DiskManagerBuilder::default().build().unwrap();
        assert_eq!(packed(&mut Codec::new(SpillCompression::Uncompressed), &roomy, 20, 10), 0);
        assert_eq!(packed(&mut Codec::new(SpillCompression::Zstd), &roomy, 10, 20), 320);
    }
}
