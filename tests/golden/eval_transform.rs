//! The evaluation transform against Pillow.

use crate::file::File;
use vicmae::data::Picture;
use vicmae::data::eval::eval_transform;

pub fn check(file: &File) {
    let (short, crop) = (file.size("resize_short_side"), file.size("crop"));
    let mut n = 0;
    while file.has(&format!("source_{n}")) {
        let source = format!("source_{n}");
        let shape = file.shape(&source);
        let bytes = |name: &str| file.values(name).iter().map(|&value| value as u8).collect::<Vec<u8>>();
        let picture = Picture { width: shape[1], height: shape[0], rgb: bytes(&source).into() };
        let ours = eval_transform(&picture, short, crop);
        let reference = bytes(&format!("eval_{n}"));
        assert_eq!(ours.len(), reference.len());
        let off = ours.iter().zip(&reference).map(|(a, b)| f64::from(a.abs_diff(*b))).sum::<f64>() / ours.len() as f64;
        assert!(off < 0.5, "{source} of {}: off by {off} of 255 on average", file.path.display());
        n += 1;
    }
    assert!(n > 0, "{} has no source", file.path.display());
}
