//! Weights that come from elsewhere, and weights that go elsewhere.
//!
//! ```text
//! file -- read --> tensors as they are -- names --> official names -- shape --> model -- fit --> what is used   (load: all of it)
//! official names -- write --> another dialect, safetensors, with a card
//! ```
//!
//! Steps that change, guess or leave out something add a sentence to `notes`, which [`fit::describe`] shows.

pub mod card;
pub mod fit;
pub mod load;
pub mod loading;
pub mod names;
pub mod read;
pub mod shape;
pub mod write;

mod floats;
mod hugging_face;
mod mae;
mod mae_st;
mod opening;
mod prefix;
mod qkv;

#[cfg(test)]
mod samples;
