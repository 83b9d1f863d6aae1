//! Where pictures come from: sources, pairs of frames, augmentation, and the loader that keeps a step fed.

pub mod augment;
pub mod frame_folder;
pub mod image_folder;
pub mod moving_shapes;
pub mod pair;

use serde::{Deserialize, Serialize};

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
