//! Which part of a picture a view shows.

use super::Crop;
use crate::data::resize::Window;
use crate::rng::Rng;

/// Draws a window whose area and aspect ratio are as asked: up to ten tries, then the largest centred one of an allowed ratio.
pub(in crate::data) fn draw(crop: &Crop, width: usize, height: usize, rng: &mut Rng) -> Window {
    for _ in 0..10 {
        let [w, h] = sides(crop, width, height, rng);
        if (1..=width).contains(&w) && (1..=height).contains(&h) {
            return place(width, height, w, h, rng);
        }
    }
    centred(crop, width, height)
}

/// Draws a window at the first try: a side that is too long becomes the picture's (the linear probe of MAE).
pub(in crate::data) fn draw_once(crop: &Crop, width: usize, height: usize, rng: &mut Rng) -> Window {
    let [w, h] = sides(crop, width, height, rng);
    place(width, height, w.clamp(1, width), h.clamp(1, height), rng)
}

fn sides(crop: &Crop, width: usize, height: usize, rng: &mut Rng) -> [usize; 2] {
    let area = (width * height) as f64 * rng.range(crop.scale[0], crop.scale[1]);
    let ratio = rng.range(crop.ratio[0].ln(), crop.ratio[1].ln()).exp();
    [area * ratio, area / ratio].map(|square| square.sqrt().round() as usize)
}

fn place(width: usize, height: usize, w: usize, h: usize, rng: &mut Rng) -> Window {
    let (top, left) = (rng.below(height - h + 1), rng.below(width - w + 1));
    Window { left, top, width: w, height: h }
}

fn centred(crop: &Crop, width: usize, height: usize) -> Window {
    let ratio = (width as f64 / height as f64).clamp(crop.ratio[0], crop.ratio[1]);
    let w = ((height as f64 * ratio).round() as usize).clamp(1, width);
    let h = ((width as f64 / ratio).round() as usize).clamp(1, height);
    Window { left: (width - w) / 2, top: (height - h) / 2, width: w, height: h }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IMAGENET: Crop = Crop { scale: [0.08, 1.0], ratio: [3.0 / 4.0, 4.0 / 3.0] };

    #[test]
    fn windows_keep_to_scale_and_ratio() {
        let mut rng = Rng::stream(1, &[]);
        let windows: Vec<Window> = (0..2000).map(|_| draw(&IMAGENET, 500, 375, &mut rng)).collect();
        let mut share = 0.0;
        for window in &windows {
            assert!(window.left + window.width <= 500 && window.top + window.height <= 375);
            let ratio = window.width as f64 / window.height as f64;
            assert!((0.74..1.35).contains(&ratio), "{ratio}");
            let area = (window.width * window.height) as f64 / (500.0 * 375.0);
            assert!((0.078..1.0).contains(&area), "{area}");
            share += area / 2000.0;
        }
        // All windows would have 0.54; those that are higher than the picture are drawn again, which leaves 0.08 to 0.75 x ratio.
        assert!((0.41..0.45).contains(&share), "{share}");
        assert!(windows.iter().any(|window| window.left > 250) && windows.iter().any(|window| window.top > 180));
    }

    #[test]
    fn a_picture_that_is_too_long_falls_back_to_its_centre() {
        let whole = Crop { scale: [1.0, 1.0], ..IMAGENET };
        let window = draw(&whole, 400, 90, &mut Rng::stream(1, &[]));
        assert_eq!(window, Window { left: 140, top: 0, width: 120, height: 90 });
        let window = draw(&whole, 90, 400, &mut Rng::stream(1, &[]));
        assert_eq!(window, Window { left: 0, top: 140, width: 90, height: 120 });
    }

    #[test]
    fn one_try_is_cut_to_the_picture() {
        let mut rng = Rng::stream(1, &[]);
        let whole = Crop { scale: [1.0, 1.0], ..IMAGENET };
        let window = draw_once(&whole, 400, 90, &mut rng);
        assert_eq!((window.height, window.top), (90, 0));
        assert!((164..=219).contains(&window.width), "{window:?}");
        assert_eq!(draw_once(&IMAGENET, 1, 1, &mut rng), Window { left: 0, top: 0, width: 1, height: 1 });
        assert_eq!(draw(&IMAGENET, 1, 1, &mut rng), Window { left: 0, top: 0, width: 1, height: 1 });
    }
}
