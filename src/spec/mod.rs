//! What was said: the experiment file and the templates, rendered, parsed with places, and checked.

pub mod work;
