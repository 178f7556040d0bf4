use std::os::unix::fs::PermissionsExt;

use proptest::prelude::*;
use tempfile::TempDir;

use super::segment::HEADER;
use super::*;

const LIMIT: u64 = 64 << 20;

fn message(number: u64) -> Message {
    Message {
        payload: format!("message {number}").into_bytes(),
        key: number.is_multiple_of(2).then(|| format!("k{number}")),
        topic: Some("house/kitchen".to_owned()),
        place: None,
        arrived: Some(1_700_000_000_000),
    }
}

/// Batches of these sizes, whose messages have running numbers.
fn batches(sizes: &[usize]) -> Vec<Vec<Message>> {
    let mut numbers = 0..;
    sizes.iter().map(|size| numbers.by_ref().take(*size).map(message).collect()).collect()
}

fn open(folder: &Path, limit: u64) -> (Spool, Arc<SourceStatus>) {
    let status = Arc::new(SourceStatus::new("test"));
    (Spool::open(folder, limit, Arc::clone(&status)).unwrap(), status)
}

fn written(batches: &[Vec<Message>]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let (mut spool, _) = open(folder.path(), LIMIT);
    for batch in batches {
        spool.append(batch).unwrap();
    }
    folder
}

fn rest(spool: &mut Spool) -> Vec<Vec<Message>> {
    std::iter::from_fn(|| spool.read().map(|(messages, _)| messages)).collect()
}

/// The segments, in their order.
fn files(folder: &Path) -> Vec<PathBuf> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> =
        names.filter(|path| path.extension().is_some_and(|end| end == EXTENSION)).collect();
    files.sort();
    files
}

#[test]
fn what_was_written_is_read_in_its_order_and_gone_when_it_is_delivered() {
    let all = batches(&[3, 1, 2]);
    let folder = tempfile::tempdir().unwrap();
    let (mut spool, status) = open(folder.path(), LIMIT);
    assert_eq!((status.spooled_bytes(), spool.read()), (Some(0), None));
    spool.append(&all[0]).unwrap();
    assert_eq!(spool.read(), Some((all[0].clone(), 3)));
    spool.append(&all[1]).unwrap();
    spool.append(&all[2]).unwrap();
    assert_eq!(spool.read(), Some((all[1].clone(), 4)));
    assert_eq!(spool.read(), Some((all[2].clone(), 6)));
    assert_eq!(spool.read(), None);
    let size = fs::metadata(&files(folder.path())[0]).unwrap().len();
    assert_eq!(status.spooled_bytes(), Some(size));
    spool.delivered_up_to(4);
    assert_eq!(status.spooled_bytes(), Some(size), "a segment goes when all of it is delivered");
    spool.delivered_up_to(6);
    assert_eq!((status.spooled_bytes(), files(folder.path()).len()), (Some(0), 0));
    assert_eq!(spool.append(&batches(&[1])[0]).unwrap(), 7, "numbers go on");
}

#[test]
fn what_is_not_delivered_comes_again_after_a_restart_and_what_is_does_not() {
    let all = batches(&[2, 2, 2, 2]);
    let folder = tempfile::tempdir().unwrap();
    let (mut spool, _) = open(folder.path(), LIMIT);
    for batch in &all[..3] {
        spool.append(batch).unwrap();
    }
    rest(&mut spool);
    spool.delivered_up_to(2);
    drop(spool);
    let (mut spool, status) = open(folder.path(), LIMIT);
    assert!(status.spooled_bytes().unwrap() > 0);
    spool.append(&all[3]).unwrap();
    assert_eq!(rest(&mut spool), all[1..], "what comes later is behind it");
    spool.delivered_up_to(8);
    drop(spool);
    let (mut spool, status) = open(folder.path(), LIMIT);
    assert_eq!((rest(&mut spool).len(), status.spooled_bytes()), (0, Some(0)));
    assert_eq!(spool.append(&all[0]).unwrap(), 10, "numbers go on");
    assert_eq!(status.report().dropped, 0);
}

#[test]
fn it_has_a_bound_and_room_again_when_segments_are_delivered() {
    let folder = tempfile::tempdir().unwrap();
    let (mut spool, status) = open(folder.path(), 4 << 20);
    let large = [Message { payload: vec![7; 300 << 10], ..Message::default() }];
    let mut batches = 0;
    let refused = loop {
        match spool.append(&large) {
            Ok(_) => batches += 1,
            Err(error) => break error.to_string(),
        }
    };
    assert!(refused.contains("the spool has its 4 MiB (spool_size)"), "{refused}");
    assert_eq!(batches, 13);
    let on_disk: u64 =
        files(folder.path()).iter().map(|path| fs::metadata(path).unwrap().len()).sum();
    assert!(on_disk <= 4 << 20 && status.spooled_bytes() == Some(on_disk), "{on_disk}");
    assert_eq!(files(folder.path()).len(), 4);
    spool.delivered_up_to(4);
    assert_eq!(spool.append(&large).unwrap(), 14);
    assert_eq!(files(folder.path()).len(), 3);
    spool.next = 4;
    assert_eq!(rest(&mut spool).len(), 10);
}

#[test]
fn a_second_process_is_told_who_has_it() {
    let folder = tempfile::tempdir().unwrap();
    let (spool, status) = open(folder.path(), LIMIT);
    let error = Spool::open(folder.path(), LIMIT, Arc::clone(&status)).unwrap_err().to_string();
    assert!(error.contains(&format!("another producer (process {})", process::id())), "{error}");
    drop(spool);
    Spool::open(folder.path(), LIMIT, status).unwrap();
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let status = Arc::new(SourceStatus::new("test"));
    let error = Spool::open(&file.join("spool"), LIMIT, status).unwrap_err().to_string();
    assert!(error.contains("file/spool cannot be used: "), "{error}");
}

/// `/dev/full` answers to each write that there is no space left.
#[test]
fn a_full_disk_loses_what_comes_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let (mut spool, status) = open(folder.path(), LIMIT);
    let all = batches(&[2, 2]);
    spool.append(&all[0]).unwrap();
    spool.writer = Some(OpenOptions::new().write(true).open("/dev/full").unwrap());
    let error = spool.append(&[message(9)]).unwrap_err().to_string();
    assert!(error.contains("No space left on device"), "{error}");
    // There is space again.
    spool.append(&all[1]).unwrap();
    assert_eq!(rest(&mut spool), all);
    spool.delivered_up_to(4);
    assert_eq!((status.spooled_bytes(), status.report().dropped), (Some(0), 0));
}

/// Four segments of two entries each, of three messages each.
fn segments() -> (TempDir, Vec<PathBuf>) {
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..4 {
        let (mut spool, _) = open(folder.path(), LIMIT);
        for batch in batches(&[3, 3]) {
            spool.append(&batch).unwrap();
        }
    }
    let files = files(folder.path());
    assert_eq!(files.len(), 4);
    (folder, files)
}

/// How many messages come back, and how many are counted as lost.
fn read_and_lost(folder: &TempDir) -> (usize, u64) {
    let (mut spool, status) = open(folder.path(), LIMIT);
    let read = rest(&mut spool).iter().map(Vec::len).sum();
    // All of it goes, damaged or not.
    spool.delivered_up_to(spool.end);
    assert_eq!((files(folder.path()).len(), status.spooled_bytes()), (0, Some(0)));
    drop(spool);
    let (mut again, status_again) = open(folder.path(), LIMIT);
    assert_eq!((rest(&mut again).len(), status_again.report().dropped), (0, 0), "counted once");
    (read, status.report().dropped)
}

#[test]
fn a_damaged_segment_is_passed_over_and_its_messages_are_counted() {
    assert_eq!(read_and_lost(&segments().0), (24, 0));
    let damaged = |change: &dyn Fn(&Path)| {
        let (folder, files) = segments();
        change(&files[1]);
        read_and_lost(&folder)
    };
    let with_byte = |index: usize| {
        move |path: &Path| {
            let mut bytes = fs::read(path).unwrap();
            bytes[index] ^= 0x40;
            fs::write(path, bytes).unwrap();
        }
    };
    assert_eq!(damaged(&with_byte(0)), (18, 6), "it is no segment");
    assert_eq!(
        damaged(&with_byte(MAGIC.len() + 1)),
        (18, 6),
        "where the next entry is nobody knows"
    );
    assert_eq!(damaged(&with_byte(MAGIC.len() + HEADER + 5)), (21, 3), "one entry");
    assert_eq!(damaged(&|path| fs::remove_file(path).unwrap()), (18, 6));
    assert_eq!(damaged(&|path| fs::write(path, "").unwrap()), (18, 6));
    assert_eq!(damaged(&|path| fs::write(path, vec![0; 4096]).unwrap()), (18, 6));
}

#[test]
fn a_segment_that_cannot_be_opened_is_passed_over() {
    let (folder, files) = segments();
    fs::remove_file(&files[2]).unwrap();
    fs::create_dir(&files[2]).unwrap();
    fs::set_permissions(&files[2], fs::Permissions::from_mode(0o700)).unwrap();
    let (mut spool, status) = open(folder.path(), LIMIT);
    assert_eq!(rest(&mut spool).iter().map(Vec::len).sum::<usize>(), 18);
    assert_eq!(status.report().dropped, 6);
}

#[test]
fn a_position_that_is_damaged_repeats_and_loses_nothing() {
    let (folder, _) = segments();
    let (mut spool, _) = open(folder.path(), LIMIT);
    spool.delivered_up_to(9);
    drop(spool);
    fs::write(folder.path().join("position"), "damaged").unwrap();
    assert_eq!(read_and_lost(&folder), (18, 0), "the segment that was deleted stays away");
}

proptest! {
    /// Cut at any byte, as by the end of a process or of the disk: the whole entries before the cut come back, in
    /// order, what was cut is counted, and the queue goes on.
    #[test]
    fn whole_entries_survive_any_cut(
        sizes in prop::collection::vec(1_usize..5, 1..8),
        cut in any::<prop::sample::Index>(),
    ) {
        let all = batches(&sizes);
        let folder = written(&all);
        let file = files(folder.path()).remove(0);
        let length = cut.index(usize::try_from(fs::metadata(&file).unwrap().len()).unwrap() + 1);
        OpenOptions::new().write(true).open(&file).unwrap().set_len(length as u64).unwrap();
        let mut end = MAGIC.len();
        let ends: Vec<usize> = all
            .iter()
            .map(|batch| {
                end += segment::encode(batch).unwrap().len();
                end
            })
            .collect();
        let whole = ends.iter().filter(|end| **end <= length).count();
        let is_torn = whole < all.len() && length != MAGIC.len() && (whole == 0 || ends[whole - 1] != length);

        let (mut spool, status) = open(folder.path(), LIMIT);
        let later = [message(99)];
        spool.append(&later).unwrap();
        let read = rest(&mut spool);
        prop_assert_eq!(&read[..whole], &all[..whole]);
        prop_assert_eq!(&read[whole..], &[later.to_vec()][..]);
        prop_assert_eq!(status.report().dropped > 0, is_torn);
        spool.delivered_up_to(spool.end);
        prop_assert!(files(folder.path()).is_empty());
    }

    /// However it is changed, reading ends, and all that is read was written.
    #[test]
    fn no_damage_makes_up_messages(
        sizes in prop::collection::vec(1_usize..5, 1..8),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let all = batches(&sizes);
        let folder = written(&all);
        let file = files(folder.path()).remove(0);
        let mut bytes = fs::read(&file).unwrap();
        for (index, byte) in changes {
            let index = index.index(bytes.len());
            bytes[index] = byte;
        }
        fs::write(&file, bytes).unwrap();
        let (mut spool, _) = open(folder.path(), LIMIT);
        let mut left = all.iter();
        for batch in rest(&mut spool) {
            prop_assert!(left.any(|written| *written == batch));
        }
        prop_assert!(!spool.has_unread());
    }
}
