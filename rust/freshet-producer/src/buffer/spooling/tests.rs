use std::path::Path;
use std::time::Duration;

use freshet_runtime::Shutdown;
use freshet_sources::{Message, SourceStatus, WhenFull};
use tempfile::TempDir;
use tokio::time::timeout;

use super::*;

const LIMIT: u64 = 64 << 20;

fn batch(number: u64) -> Batch {
    let mut payload = vec![0; 1_000];
    payload[..8].copy_from_slice(&number.to_le_bytes());
    Batch { messages: vec![Message { payload, ..Message::default() }], ..Batch::default() }
}

fn number(batch: &Batch) -> u64 {
    u64::from_le_bytes(batch.messages[0].payload[..8].try_into().unwrap())
}

/// A buffer with room for three batches in memory.
fn buffer(folder: &Path, limit: u64) -> (Arc<Buffer>, Arc<SourceStatus>) {
    let status = Arc::new(SourceStatus::new("test"));
    let spool = Spool::open(folder, limit, Arc::clone(&status)).unwrap();
    let buffer = Buffer::new(4_000, WhenFull::Spool, Arc::clone(&status), Some(spool));
    (Arc::new(buffer), status)
}

async fn push(buffer: &Arc<Buffer>, numbers: std::ops::Range<u64>) {
    for number in numbers {
        buffer.push(batch(number), &Shutdown::new()).await;
    }
}

async fn pop(buffer: &Arc<Buffer>, batches: usize) -> Vec<u64> {
    let mut numbers = Vec::new();
    for _ in 0..batches {
        numbers.push(number(&buffer.pop().await.unwrap()));
    }
    numbers
}

fn range(from: u64, to: u64) -> Vec<u64> {
    (from..to).collect()
}

#[tokio::test]
async fn what_finds_no_room_comes_back_in_its_order() {
    let folder = TempDir::new().unwrap();
    let (buffer, status) = buffer(folder.path(), LIMIT);
    push(&buffer, 0..3).await;
    assert_eq!(status.spooled_bytes(), Some(0), "there is room");
    push(&buffer, 3..10).await;
    assert!(status.buffered_bytes() <= 4_000 && status.spooled_bytes().unwrap() > 10_000);
    assert_eq!(pop(&buffer, 3).await, [0, 1, 2]);
    // There is room, but others are before it.
    push(&buffer, 10..12).await;
    assert_eq!(pop(&buffer, 9).await, range(3, 12));
    push(&buffer, 12..14).await;
    assert_eq!(pop(&buffer, 2).await, [12, 13]);
    buffer.confirmed(14).await;
    assert_eq!(status.spooled_bytes(), Some(0));
    buffer.close();
    assert_eq!(buffer.pop().await, None);
    assert_eq!(status.report().dropped, 0);
}

#[tokio::test]
async fn what_was_taken_and_not_confirmed_comes_again_after_the_end_of_the_process() {
    let folder = TempDir::new().unwrap();
    let (before, _) = buffer(folder.path(), LIMIT);
    push(&before, 0..2).await;
    assert_eq!(pop(&before, 2).await, [0, 1]);
    push(&before, 2..8).await;
    assert_eq!(pop(&before, 1).await, [2]);
    before.confirmed(1).await;
    // Nobody gets to say anything more.
    drop(before);
    let (after, status) = buffer(folder.path(), LIMIT);
    push(&after, 8..9).await;
    assert_eq!(pop(&after, 8).await, range(1, 9));
    after.confirmed(8).await;
    assert_eq!((status.spooled_bytes(), status.report().dropped), (Some(0), 0));
}

#[tokio::test]
async fn a_stop_leaves_what_is_in_memory_for_the_next_start() {
    let folder = TempDir::new().unwrap();
    let (before, _) = buffer(folder.path(), LIMIT);
    push(&before, 0..3).await;
    assert_eq!(pop(&before, 2).await, [0, 1]);
    before.confirmed(1).await;
    before.close();
    assert_eq!(before.keep().await, Some(0));
    drop(before);
    let (after, _) = buffer(folder.path(), LIMIT);
    assert_eq!(pop(&after, 2).await, [1, 2]);
    after.confirmed(2).await;
    assert_eq!(after.keep().await, Some(0));
    drop(after);
    let (last, status) = buffer(folder.path(), LIMIT);
    last.close();
    assert_eq!((last.pop().await, status.spooled_bytes()), (None, Some(0)));
}

#[tokio::test]
async fn when_the_spool_is_full_the_newest_are_dropped_and_counted() {
    let folder = TempDir::new().unwrap();
    let (buffer, status) = buffer(folder.path(), 10_000);
    push(&buffer, 0..20).await;
    let dropped = status.report().dropped;
    assert!(status.spooled_bytes().unwrap() <= 10_000 && dropped > 5, "{dropped}");
    buffer.close();
    let mut numbers = Vec::new();
    while let Some(batch) = buffer.pop().await {
        numbers.push(number(&batch));
    }
    assert_eq!(numbers, range(0, 20 - dropped));
}

#[tokio::test]
async fn the_client_gets_no_more_than_a_bound_before_it_confirms() {
    let folder = TempDir::new().unwrap();
    let (buffer, _) = buffer(folder.path(), LIMIT);
    push(&buffer, 0..6_000).await;
    let mut taken = 0;
    while timeout(Duration::from_millis(200), buffer.pop()).await.is_ok() {
        taken += 1;
    }
    assert!((3_000..4_200).contains(&taken), "{taken}");
    buffer.confirmed(1_000).await;
    assert_eq!(pop(&buffer, 900).await, range(taken, taken + 900));
}

/// A writer and a reader at once, with room for three: nothing is lost, repeated or put out of order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn order_survives_a_reader_that_is_slower_or_faster() {
    const BATCHES: u64 = 2_000;
    let folder = TempDir::new().unwrap();
    let (buffer, status) = buffer(folder.path(), LIMIT);
    let writer = Arc::clone(&buffer);
    let written = tokio::spawn(async move {
        for number in 0..BATCHES {
            push(&writer, number..number + 1).await;
            if number % 100 < 50 {
                tokio::task::yield_now().await;
            }
        }
        writer.close();
    });
    let mut expected = 0;
    let mut taken = 0;
    while let Some(batch) = buffer.pop().await {
        assert_eq!(number(&batch), expected);
        expected += 1;
        taken += 1;
        if expected.is_multiple_of(7) {
            buffer.confirmed(taken).await;
        }
    }
    written.await.unwrap();
    buffer.confirmed(taken).await;
    assert_eq!((expected, status.report().dropped), (BATCHES, 0));
    assert_eq!(status.spooled_bytes(), Some(0));
}

#[tokio::test]
async fn a_copy_of_what_was_confirmed_meanwhile_is_not_kept() {
    let folder = TempDir::new().unwrap();
    let (buffer, status) = buffer(folder.path(), LIMIT);
    push(&buffer, 0..3).await;
    assert_eq!(pop(&buffer, 3).await, [0, 1, 2]);
    let (first, waiting) = buffer.not_copied();
    assert_eq!((first, waiting.len()), (0, 3));
    buffer.confirmed(2).await;
    assert_eq!(buffer.mark_copied(first, &[10, 20, 30]), Some(20));
    assert_eq!(buffer.queue().unconfirmed.batches[0].copied, Some(30));
    assert_eq!(status.report().dropped, 0);
}
