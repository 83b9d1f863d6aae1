//! Comparisons with a stated tolerance.

use burn::tensor::Tensor;

/// Each value is within `tolerance` of the reference, relative to the reference's largest entry.
pub fn close(what: &str, ours: &[f64], reference: &[f64], tolerance: f64) {
    assert_eq!(ours.len(), reference.len(), "{what}: {} values, not {}", ours.len(), reference.len());
    let largest = reference.iter().fold(0f64, |largest, value| largest.max(value.abs()));
    let (place, worst) = (ours.iter().zip(reference).map(|(a, b)| (a - b).abs()))
        .enumerate()
        .fold((0, 0f64), |worst, (n, off)| if off > worst.1 || off.is_nan() { (n, off) } else { worst });
    // Some references are zero but for rounding (a bias before a BatchNorm has no gradient): 32 bits leave about 1e-8 there.
    let allowed = (tolerance * largest).max(1e-7);
    assert!(
        worst <= allowed,
        "{what}: off by {worst:e} at {place} ({} against {}), allowed {allowed:e}",
        ours[place],
        reference[place]
    );
}

pub fn scalar(what: &str, ours: f64, reference: f64, tolerance: f64) {
    let off = (ours - reference).abs() / reference.abs().max(1e-12);
    assert!(off <= tolerance, "{what}: {ours} is not {reference} (off by {off:e} relative, allowed {tolerance:e})");
}

pub fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.into_data().iter::<f64>().collect()
}
