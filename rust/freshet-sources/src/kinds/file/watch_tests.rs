//! What is written is seen when it is written, and not only when it is looked for.

use std::fs;
use std::future::poll_fn;
use std::path::Path;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use super::follow::Follow;
use super::tests::{append, context, run, settings};
use crate::source::Source;

/// Nobody looks so seldom.
const NEVER: Duration = Duration::from_hours(1);

fn followed(path: &Path) -> Follow {
    let mut follow = Follow::new(settings(path, true), context(), None);
    follow.watched_interval = NEVER;
    follow
}

/// The messages that come next; where nothing has come yet, something is done first.
async fn next(follow: &mut Follow, doing: impl FnOnce()) -> Vec<String> {
    let mut next = pin!(follow.next());
    let batch = match poll_fn(|context| Poll::Ready(next.as_mut().poll(context))).await {
        Poll::Ready(batch) => batch,
        Poll::Pending => {
            doing();
            let soon = tokio::time::timeout(Duration::from_secs(20), next);
            soon.await.expect("nothing came")
        }
    };
    let text = |payload: Vec<u8>| String::from_utf8(payload).unwrap();
    let messages = batch.unwrap().unwrap().messages;
    messages.into_iter().map(|message| text(message.payload)).collect()
}

#[test]
fn what_is_written_is_seen_at_once() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("readings");
        append(&path, "0\n");
        let mut follow = followed(&path);
        assert_eq!(next(&mut follow, || ()).await, ["0"]);
        for number in ["1", "2", "3"] {
            let (path, line) = (path.clone(), format!("{number}\n"));
            assert_eq!(next(&mut follow, move || append(&path, &line)).await, [number]);
        }
        // Truncated and written anew.
        let truncated = path.clone();
        let rewrite = move || fs::write(&truncated, "4\n").unwrap();
        assert_eq!(next(&mut follow, rewrite).await, ["4"]);
    });
}

#[test]
fn a_rotation_is_seen_at_once_and_the_old_file_read_to_its_end() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("readings");
        let old = folder.path().join("readings.1");
        append(&path, "0\n");
        let mut follow = followed(&path);
        assert_eq!(next(&mut follow, || ()).await, ["0"]);
        let (from, to) = (path.clone(), old.clone());
        let rotate = move || {
            fs::rename(&from, &to).unwrap();
            append(&to, "1\n");
            append(&from, "2\n");
        };
        assert_eq!(next(&mut follow, rotate).await, ["1"]);
        assert_eq!(next(&mut follow, || ()).await, ["2"]);
        assert_eq!(next(&mut follow, move || append(&path, "3\n")).await, ["3"]);
    });
}

#[test]
fn a_link_is_followed_to_the_file_that_is_written() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        let (link, path) = (folder.path().join("current"), elsewhere.path().join("readings"));
        append(&path, "0\n");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        let mut follow = followed(&link);
        assert_eq!(next(&mut follow, || ()).await, ["0"]);
        assert_eq!(next(&mut follow, move || append(&path, "1\n")).await, ["1"]);
    });
}

#[test]
fn what_nobody_tells_of_is_looked_for() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (folder.path().join("one"), folder.path().join("two"));
        for (folder, line) in [(&one, "1\n"), (&two, "2\n")] {
            fs::create_dir(folder).unwrap();
            append(&folder.join("readings"), line);
        }
        let (current, other) = (folder.path().join("current"), folder.path().join("other"));
        std::os::unix::fs::symlink(&one, &current).unwrap();
        std::os::unix::fs::symlink(&two, &other).unwrap();
        let mut follow = Follow::new(settings(&current.join("readings"), true), context(), None);
        assert_eq!(next(&mut follow, || ()).await, ["1"]);
        // Nothing happens in the folder that is watched.
        let replace = move || fs::rename(&other, &current).unwrap();
        assert_eq!(next(&mut follow, replace).await, ["2"]);
    });
}
