//! Parts of files in the address space: their pages come into memory when they are read, and can leave it at any time.

use std::ffi::c_void;
use std::fs::File;
use std::io;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::ptr::NonNull;

use nix::sys::mman::{MapFlags, MmapAdvise, ProtFlags, madvise, mmap, munmap};
use parking_lot::Mutex;

/// A mapping begins at a multiple of so many bytes, whatever the size of the system's pages.
const ALIGNED: u64 = 64 << 10;

/// All mappings there are: where they begin, and how many bytes they have.
static MAPPINGS: Mutex<Vec<(usize, usize)>> = Mutex::new(Vec::new());

/// A part of a file, in the address space.
pub(crate) struct Mapping {
    address: NonNull<c_void>,
    length: NonZeroUsize,
    /// What was asked for, in it.
    range: Range<usize>,
}

// SAFETY: nobody writes to the memory.
#[allow(unsafe_code)]
unsafe impl Send for Mapping {}

impl Mapping {
    /// Errors: the range is not in the file, or the system refuses.
    #[allow(unsafe_code)]
    pub(crate) fn of(file: &File, range: &Range<u64>) -> io::Result<Self> {
        let outside = || io::Error::other("not in the file");
        if range.end > file.metadata()?.len() {
            return Err(outside());
        }
        let begin = range.start / ALIGNED * ALIGNED;
        let place = |at: u64| usize::try_from(at - begin).map_err(|_| outside());
        let (start, end) = (place(range.start)?, place(range.end)?);
        let length = NonZeroUsize::new(end).ok_or_else(outside)?;
        let offset = begin.try_into().map_err(|_| outside())?;
        // SAFETY: a new mapping that is only read. Should another process cut the file short while it is read, the system
        // ends this one; it does so for a program's own file, too.
        let address = unsafe { mmap(None, length, ProtFlags::PROT_READ, MapFlags::MAP_PRIVATE, file, offset) }?;
        // SAFETY: the mapping just made. It is only advice.
        let _ = unsafe { madvise(address, end, MmapAdvise::MADV_SEQUENTIAL) };
        MAPPINGS.lock().push((address.as_ptr() as usize, end));
        Ok(Self { address, length, range: start..end })
    }
}

impl AsRef<[u8]> for Mapping {
    #[allow(unsafe_code)]
    fn as_ref(&self) -> &[u8] {
        // SAFETY: mapped until this is dropped, and nobody writes to it.
        let all = unsafe { std::slice::from_raw_parts(self.address.as_ptr().cast::<u8>(), self.length.get()) };
        &all[self.range.clone()]
    }
}

impl Drop for Mapping {
    #[allow(unsafe_code)]
    fn drop(&mut self) {
        let mut mappings = MAPPINGS.lock();
        mappings.retain(|(address, _)| *address != self.address.as_ptr() as usize);
        // SAFETY: mapped by us, and whoever had a part of it has let go. Under the lock: what is let go is mapped.
        let _ = unsafe { munmap(self.address, self.length.get()) };
    }
}

/// Lets all mapped pages go; whether there are any mappings. Those that are wanted come back from the file.
#[allow(unsafe_code)]
pub(super) fn let_mappings_go() -> bool {
    let mappings = MAPPINGS.lock();
    for (address, length) in mappings.iter() {
        let Some(address) = NonNull::new(*address as *mut c_void) else { continue };
        // SAFETY: it is mapped as long as it is in the list, whose lock is held, and nobody has written to it.
        let _ = unsafe { madvise(address, *length, MmapAdvise::MADV_DONTNEED) };
    }
    !mappings.is_empty()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use bytes::Bytes;

    use super::*;

    #[test]
    fn a_mapping_has_the_bytes_of_its_range_also_after_they_were_let_go() {
        let mut file = tempfile::tempfile().unwrap();
        let bytes: Vec<u8> = (0..3_000_000u32).map(|n| (n % 251) as u8).collect();
        file.write_all(&bytes).unwrap();
        let mapping = Bytes::from_owner(Mapping::of(&file, &(1_000_003..2_900_001)).unwrap());
        assert!(mapping == bytes[1_000_003..2_900_001]);
        let_mappings_go();
        assert!(mapping.slice(5..) == bytes[1_000_008..2_900_001]);
        assert!(Mapping::of(&file, &(2_000_000..3_000_001)).is_err());
    }
}
