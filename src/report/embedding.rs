//! Features of many dimensions in two. Pure: the same features give the same points.

use crate::failure::Failure;
use crate::rng::Rng;
use anyhow::Result;
use bhtsne::Neighbor;
use nalgebra::{DMatrix, DVector};
use rayon::ThreadPoolBuilder;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

/// What a frozen encoder made of evaluation images.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Features {
    /// Numbers an image.
    pub width: usize,
    /// The features of one image after another.
    pub values: Vec<f32>,
    /// The class of each image.
    pub labels: Vec<i64>,
}

impl Features {
    /// Reads a safetensors file with the tensors `features` (f32, `[n, width]`) and `labels` (i64, `[n]`).
    ///
    /// # Errors
    /// A [`Failure`] when it is no such file.
    pub fn parse(bytes: &[u8]) -> Result<Features> {
        let wrong = |what: &str| Failure::input(format!("a file of features needs {what}"));
        let tensors = SafeTensors::deserialize(bytes)?;
        let tensor = |name: &str, dtype: Dtype| tensors.tensor(name).ok().filter(|tensor: &TensorView| tensor.dtype() == dtype);
        let values = tensor("features", Dtype::F32).ok_or_else(|| wrong("a tensor `features` of type f32"))?;
        let labels = tensor("labels", Dtype::I64).ok_or_else(|| wrong("a tensor `labels` of type i64"))?;
        let ([count, width], [classes]) = (values.shape(), labels.shape()) else {
            return Err(wrong("`features` of two dimensions and `labels` of one").into());
        };
        if count != classes {
            return Err(wrong("as many `labels` as rows of `features`").into());
        }
        Ok(Features {
            width: *width,
            values: values.data().as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect(),
            labels: labels.data().as_chunks().0.iter().map(|bytes| i64::from_le_bytes(*bytes)).collect(),
        })
    }
}

/// The first two principal components of features, `width` numbers each. The number of largest size in each direction is
/// positive, so that pictures of the same features are never mirrored.
pub fn pca(features: &[f32], width: usize) -> Vec<[f64; 2]> {
    let count = features.len() / width.max(1);
    if count == 0 {
        return Vec::new();
    }
    let mut rows = DMatrix::from_row_iterator(count, width, features.iter().take(count * width).map(|value| f64::from(*value)));
    let mean = rows.row_mean();
    rows.row_iter_mut().for_each(|mut row| row -= &mean);
    let covariance = rows.tr_mul(&rows) / count as f64;
    let eigen = covariance.symmetric_eigen();
    let mut order: Vec<usize> = (0..width).collect();
    order.sort_by(|a, b| eigen.eigenvalues[*b].total_cmp(&eigen.eigenvalues[*a]));
    let component = |n: usize| -> DVector<f64> {
        let Some(at) = order.get(n) else { return DVector::zeros(count) };
        let direction = eigen.eigenvectors.column(*at);
        &rows * direction * direction[direction.icamax()].signum()
    };
    let (x, y) = (component(0), component(1));
    x.iter().zip(y.iter()).map(|(x, y)| [*x, *y]).collect()
}

/// t-SNE (van der Maaten and Hinton, 2008) by the tree of Barnes and Hut, from principal components on (Kobak and Berens,
/// 2019), with a perplexity of 30, or less where there are few images. `seed` moves the beginning a little.
///
/// # Errors
/// When there is no thread to compute on.
pub fn tsne(features: &[f32], width: usize, seed: u64) -> Result<Vec<[f64; 2]>> {
    const PERPLEXITY: f32 = 30.0;
    const THETA: f32 = 0.5;
    let rows: Vec<&[f32]> = features.chunks_exact(width.max(1)).collect();
    // So few have no neighbourhoods.
    if rows.len() < 8 {
        return Ok(pca(features, width));
    }
    let perplexity = PERPLEXITY.min((rows.len() - 1) as f32 / 3.0);
    let neighbors = neighbors(&rows, (3.0 * perplexity) as usize);
    let begin = beginning(&pca(features, width), seed);
    // On one thread, sums are made in one order.
    let pool = ThreadPoolBuilder::new().num_threads(1).build()?;
    let points = pool.install(|| {
        let mut tsne: bhtsne::tSNE<f32, &[f32]> = bhtsne::tSNE::new(&rows);
        tsne.perplexity(perplexity).initial_embedding(begin).barnes_hut_with_neighbors(THETA, &neighbors).embedding()
    });
    Ok(points.as_chunks::<2>().0.iter().map(|point| point.map(f64::from)).collect())
}

/// Points of a deviation of 1e-4, where the beginning is found to do well, and a little noise that parts equal ones.
fn beginning(points: &[[f64; 2]], seed: u64) -> Vec<f32> {
    const DEVIATION: f64 = 1e-4;
    const NOISE: f64 = 1e-6;
    let mut rng = Rng::stream(seed, &[]);
    let variance = points.iter().map(|point| point[0] * point[0]).sum::<f64>() / points.len() as f64;
    let scale = if variance > 0.0 { DEVIATION / variance.sqrt() } else { 0.0 };
    points.as_flattened().iter().map(|value| (value * scale + NOISE * rng.normal()) as f32).collect()
}

/// The nearest of all others to each row, by Euclidean distance; of equally near ones the first.
fn neighbors(rows: &[&[f32]], count: usize) -> Vec<Vec<Neighbor<f32>>> {
    let distance = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f32>().sqrt();
    let nearest = |(row, one): (usize, &&[f32])| {
        let others = (0..rows.len()).filter(|index| *index != row);
        let mut all: Vec<_> = others.map(|index| Neighbor { index, distance: distance(one, rows[index]) }).collect();
        all.sort_by(|a, b| a.distance.total_cmp(&b.distance).then(a.index.cmp(&b.index)));
        all.truncate(count);
        all
    };
    rows.iter().enumerate().map(nearest).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use safetensors::serialize;

    /// Three clouds of 20 images each, far apart.
    fn clouds() -> Vec<f32> {
        let mut rng = Rng::stream(7, &[]);
        let centre = |image: usize, dimension: usize| if dimension == image % 3 { 10.0 } else { 0.0 };
        (0..60 * 8).map(|n| (centre(n / 8, n % 8) + 0.3 * rng.normal()) as f32).collect()
    }

    fn apart(a: [f64; 2], b: [f64; 2]) -> f64 {
        (a[0] - b[0]).hypot(a[1] - b[1])
    }

    #[test]
    fn the_first_component_is_the_direction_of_largest_variance() {
        let points = pca(&[0.0, 0.0, 1.0, 3.0, 0.0, -1.0, -3.0, 0.0, 1.0, 0.0, 0.1, 0.0], 3);
        let on_a_line: Vec<f64> = points.iter().map(|point| point[0]).collect();
        assert_eq!(points.len(), 4);
        assert!(on_a_line.windows(2).any(|pair| (pair[0] - pair[1]).abs() > 5.9), "{on_a_line:?}");
        // The variances fall, and both components have no mean.
        let moment = |side: usize, power: i32| points.iter().map(|point| point[side].powi(power)).sum::<f64>();
        assert!(moment(0, 2) > moment(1, 2) && moment(0, 1).abs() < 1e-9 && moment(1, 1).abs() < 1e-9);
        assert_eq!(pca(&[], 3), Vec::<[f64; 2]>::new());
    }

    #[test]
    fn tsne_keeps_neighbours_together_and_is_the_same_each_time() {
        let features = clouds();
        let points = tsne(&features, 8, 0).unwrap();
        assert_eq!(tsne(&features, 8, 0).unwrap(), points);
        let elsewhere = ThreadPoolBuilder::new().num_threads(3).build().unwrap();
        assert_eq!(elsewhere.install(|| tsne(&features, 8, 0).unwrap()), points);
        assert_ne!(tsne(&features, 8, 1).unwrap(), points);
        for image in 0..points.len() {
            let others = (0..points.len()).filter(|other| *other != image);
            let nearest = others.min_by(|a, b| apart(points[image], points[*a]).total_cmp(&apart(points[image], points[*b])));
            assert_eq!(nearest.unwrap() % 3, image % 3);
        }
        assert_eq!(tsne(&features[..16], 8, 0).unwrap().len(), 2);
    }

    #[test]
    fn features_are_read_from_a_file() {
        let values: Vec<u8> = [1f32, 2.0, 3.0, 4.0, 5.0, 6.0].iter().flat_map(|value| value.to_le_bytes()).collect();
        let labels: Vec<u8> = [7i64, -1].iter().flat_map(|value| value.to_le_bytes()).collect();
        let file = |rows: usize| {
            let features = TensorView::new(Dtype::F32, vec![rows, 6 / rows], &values).unwrap();
            let labels = TensorView::new(Dtype::I64, vec![2], &labels).unwrap();
            serialize([("features", features), ("labels", labels)], None).unwrap()
        };
        let read = Features::parse(&file(2)).unwrap();
        assert_eq!((read.width, read.values, read.labels), (3, vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0], vec![7, -1]));
        let error = Features::parse(&file(3)).unwrap_err();
        assert_eq!(error.to_string(), "a file of features needs as many `labels` as rows of `features`");
    }
}
