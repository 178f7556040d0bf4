//! Tells when somebody writes to a file, or puts another one into its place.
//!
//! The file system says so where it can: that of another machine does not, nor does anybody when a folder above is
//! replaced. Whoever is told here has to look from time to time all the same.

use std::path::Path;
use std::sync::Arc;

use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;

/// A file that is watched.
pub(super) struct Watch {
    /// Watches as long as it is there.
    _watcher: RecommendedWatcher,
    changed: Arc<Notify>,
}

impl Watch {
    /// Watches the file, and its name in its folder.
    ///
    /// # Errors
    ///
    /// When the system does not watch it, such as one that watches too many others already.
    pub(super) fn of(path: &Path) -> notify::Result<Self> {
        let changed = Arc::new(Notify::new());
        let (tell, name) = (Arc::clone(&changed), path.file_name().map(ToOwned::to_owned));
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            // After an error something may have gone unseen. Files are opened by who reads them.
            let matters = event.map_or(true, |event| {
                let is_ours = |path: &std::path::PathBuf| path.file_name() == name.as_deref();
                event.need_rescan() || !event.kind.is_access() && event.paths.iter().any(is_ours)
            });
            if matters {
                tell.notify_one();
            }
        })?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        watcher.watch(folder.unwrap_or(Path::new(".")), RecursiveMode::NonRecursive)?;
        // It may be a link to a file of another folder.
        watcher.watch(path, RecursiveMode::NonRecursive)?;
        Ok(Self { _watcher: watcher, changed })
    }

    /// What is told of changes; of one that came before somebody waits as well.
    pub(super) fn changed(&self) -> Arc<Notify> {
        Arc::clone(&self.changed)
    }
}
