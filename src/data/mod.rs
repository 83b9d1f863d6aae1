//! Where pictures come from: sources, pairs of frames, augmentation, and the loader that keeps a step fed.

pub mod augment;
pub mod eval;
pub mod frame_folder;
pub mod image_folder;
pub mod moving_shapes;
pub mod pair;
pub mod picture;

mod batches;
mod cache;
mod fingerprint;
mod listing;
mod loader;
mod prefetch;
mod resize;
mod stream;

pub use eval::ImageBatch;
pub use eval::eval_batches;
pub use eval::train_batches;
pub use fingerprint::fingerprint;
pub use loader::PairBatch;
pub use loader::PairLoader;
pub use picture::Picture;
pub use picture::Skipped;

use crate::failure::Failure;
use crate::rng::Rng;
use anyhow::Result;
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::sync::Arc;

/// A source of clips (one image is a clip of one frame), each with a class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Source {
    /// `<root>/<class>/<image>`: two views of one image make a pair.
    ImageFolder(image_folder::Config),
    /// `<root>/<class>/<clip>/<frame>`: two frames of one clip make a pair.
    FrameFolder(frame_folder::Config),
    /// Procedural clips of moving shapes, for tests and throughput.
    MovingShapes(moving_shapes::Config),
}

impl Source {
    /// The folder that the source reads, as it was written; none for a procedural source.
    pub fn root(&self) -> Option<&Path> {
        match self {
            Source::ImageFolder(config) => Some(&config.root),
            Source::FrameFolder(config) => Some(&config.root),
            Source::MovingShapes(_) => None,
        }
    }

    /// Checks the values of the fields; reads no file. The error names the field, its value and what is allowed.
    pub fn check(&self) -> Result<(), String> {
        match self {
            Source::ImageFolder(_) => Ok(()),
            Source::FrameFolder(config) => config.pair.check(),
            Source::MovingShapes(config) => config.check(),
        }
    }
}

/// The clips of a source, in a fixed order.
///
/// A method that reads a picture returns [`Skipped`] for a file that cannot be read or decoded; the others of the source are
/// still good. `clip` is an index below [`Clips::len`] everywhere.
pub trait Clips: Send + Sync {
    /// Number of clips.
    fn len(&self) -> usize;

    /// Whether there is no clip. What [`open`] returns has at least one.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The names of the classes, in the order of their indices.
    fn classes(&self) -> &[String];

    /// The class of a clip, an index into [`Clips::classes`].
    fn class(&self, clip: usize) -> usize;

    /// What a person calls the clip: its path inside the source, `<class>/...`.
    fn name(&self, clip: usize) -> String;

    /// Two frames of the clip for a positive pair.
    fn pair(&self, clip: usize, rng: &mut Rng) -> Result<[Arc<Picture>; 2], Skipped>;

    /// The frame of the clip that is used for evaluation: the middle one.
    fn picture(&self, clip: usize) -> Result<Arc<Picture>, Skipped>;
}

/// Lists the clips of a source; decodes nothing.
///
/// `project` is the folder that relative roots start at. Fails with [`Failure`] when a value is wrong, and when the folder is
/// missing or holds no clip.
pub fn open(source: &Source, project: &Path) -> Result<Arc<dyn Clips>> {
    source.check().map_err(Failure::input)?;
    Ok(match source {
        Source::ImageFolder(config) => Arc::new(image_folder::ImageFolder::open(config, project)?),
        Source::FrameFolder(config) => Arc::new(frame_folder::FrameFolder::open(config, project)?),
        Source::MovingShapes(config) => Arc::new(moving_shapes::MovingShapes::new(config)),
    })
}
