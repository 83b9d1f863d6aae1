//! The font of all pictures, brought along so that they look the same everywhere.

use plotters::style::FontStyle;
use std::sync::Once;

/// Its name is the generic one, so that a viewer of an SVG without this font still finds one without serifs.
pub const FONT: &str = "sans-serif";

/// Lets plotters know the font.
pub fn register() {
    static FONTS: Once = Once::new();
    FONTS.call_once(|| {
        for (style, bytes) in [
            (FontStyle::Normal, include_bytes!("font/Inter-Regular.otf").as_slice()),
            (FontStyle::Bold, include_bytes!("font/Inter-SemiBold.otf").as_slice()),
        ] {
            assert!(plotters::style::register_font(FONT, style, bytes).is_ok(), "the embedded font is a font");
        }
    });
}
