//! Where pictures come from: sources, pairs of frames, augmentation, and the loader that keeps a step fed.

pub mod annotation;
pub mod augment;
pub mod eval;
pub mod ffmpeg;
pub mod frame_folder;
pub mod image_folder;
pub mod inspect;
pub mod mixture;
pub mod moving_shapes;
pub mod pack;
pub mod packed;
pub mod pair;
pub mod picture;
pub mod sampling;
pub mod subset;
pub mod supervised;
pub mod verify;
pub mod views;
pub mod webdataset;

mod batches;
mod cache;
mod contact_sheet;
mod fingerprint;
mod listing;
mod loader;
mod prefetch;
mod resize;
mod stream;

pub use contact_sheet::{contact_sheet, titled_sheet};
pub use eval::ImageBatch;
pub use eval::eval_batches;
pub use eval::train_batches;
pub use loader::Feed;
pub use loader::PairBatch;
pub use loader::PairLoader;
pub use mixture::Part;
pub use picture::Picture;
pub use picture::Skipped;
pub use sampling::Sampling;
pub use subset::{Subset, evenly, part_of};
pub use supervised::{Epoch, Erased, LabelledBatch, Look, TrainView, batches_per_epoch, training_batches, view_batches};
pub use views::{Views, average};

use crate::failure::Failure;
use crate::rng::Rng;
use anyhow::Result;
use serde::de::MapAccess;
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::sync::Arc;

/// What every kind of source answers for the values that were written for it.
pub trait Configured {
    /// The folder that the source reads, as it was written; none for a procedural source.
    fn root(&self) -> Option<&Path>;

    /// Checks the values; reads no file. The error names the field, its value and what is allowed.
    fn check(&self) -> Result<(), String>;

    /// A hash of what the source holds, 64 hexadecimal digits: a run is named by its data too.
    ///
    /// Fails as [`Configured::open`] does when the data is missing.
    fn fingerprint(&self, project: &Path) -> Result<String>;

    /// Lists the clips; decodes nothing. `project` is the folder that relative roots start at.
    ///
    /// Fails with [`Failure`] when the data is missing or holds no clip.
    fn open(&self, project: &Path) -> Result<Arc<dyn Clips>>;
}

/// The sources: the module of each, which is its name in YAML, and its variant.
macro_rules! sources {
    ($($(#[$doc:meta])* $name:ident => $variant:ident,)*) => {
        /// A source of clips (one image is a clip of one frame), each with a class.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case", deny_unknown_fields)]
        pub enum Source { $($(#[$doc])* $variant($name::Config),)* }

        impl Source {
            /// The names of all sources.
            pub const NAMES: &'static [&'static str] = &[$(stringify!($name)),*];

            fn config(&self) -> &dyn Configured {
                match self { $(Source::$variant(config) => config,)* }
            }

            /// Reads the value behind a key that names a source; none when it names none.
            fn read<'de, A: MapAccess<'de>>(name: &str, map: &mut A) -> Result<Option<Source>, A::Error> {
                Ok(match name {
                    $(stringify!($name) => Some(Source::$variant(map.next_value()?)),)*
                    _ => None,
                })
            }
        }
    };
}

sources! {
    /// A split of what `vicmae pack` made: two frames of one clip make a pair.
    packed => Packed,
    /// `<root>/<class>/<image>`: two views of one image make a pair.
    image_folder => ImageFolder,
    /// `<root>/<class>/<clip>/<frame>`: two frames of one clip make a pair.
    frame_folder => FrameFolder,
    /// Procedural clips of moving shapes, for tests and throughput.
    moving_shapes => MovingShapes,
}

impl Source {
    /// The folder that the source reads, as it was written; none for a procedural source.
    pub fn root(&self) -> Option<&Path> {
        self.config().root()
    }

    /// Checks the values of the fields; reads no file. The error names the field, its value and what is allowed.
    pub fn check(&self) -> Result<(), String> {
        self.config().check()
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

    /// Number of frames of the clip, at least 1.
    fn frames(&self, clip: usize) -> usize;

    /// When each frame of the clip is shown, in seconds; none where the source knows no times.
    fn seconds(&self, clip: usize) -> Option<&[f64]>;

    /// A frame of the clip; `frame` is below [`Clips::frames`].
    fn frame(&self, clip: usize, frame: usize) -> Result<Arc<Picture>, Skipped>;

    /// The frame of the clip that stands for all of it: the middle one.
    fn picture(&self, clip: usize) -> Result<Arc<Picture>, Skipped> {
        self.frame(clip, self.frames(clip) / 2)
    }
}

/// Lists the clips of a source; decodes nothing.
///
/// `project` is the folder that relative roots start at. Fails with [`Failure`] when a value is wrong, and when the folder is
/// missing or holds no clip.
pub fn open(source: &Source, project: &Path) -> Result<Arc<dyn Clips>> {
    source.check().map_err(Failure::input)?;
    source.config().open(project)
}

/// Returns a hash of what a source holds, 64 hexadecimal digits. Fails as [`open`] does when the data is missing.
pub fn fingerprint(source: &Source, project: &Path) -> Result<String> {
    source.config().fingerprint(project)
}
