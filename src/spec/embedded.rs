//! The templates that the program brings along, so that it works without a `templates/` folder.

macro_rules! templates {
    ($($path:literal,)*) => {
        &[$(($path, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/templates/", $path, ".yaml.j2"))),)*]
    };
}

/// Name and text of every built-in template, in alphabetical order.
pub(crate) const TEMPLATES: &[(&str, &str)] = templates! {
    "data/labelled",
    "method/contrastive_only",
    "method/mae",
    "method/mae_barlow",
    "method/mae_byol",
    "method/mae_simsiam",
    "method/mae_vicreg",
    "method/vic_mae",
    "run/imported",
    "run/quick",
    "run/vit_base",
    "transfer/attentive_probe",
    "transfer/fine_tune",
    "transfer/fine_tune_video",
    "transfer/knn",
    "transfer/linear_probe",
    "transfer/logistic",
};
