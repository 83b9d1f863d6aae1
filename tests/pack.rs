//! `vicmae pack` on real videos: what is in the set is what is in the files, whatever happens on the way.
//!
//! Needs ffmpeg, which is what is tested; without it the tests fail and say so.

#[path = "pack/decode.rs"]
mod decode;
#[path = "pack/desk.rs"]
mod desk;
#[path = "pack/interrupt.rs"]
mod interrupt;
#[path = "pack/sets.rs"]
mod sets;
