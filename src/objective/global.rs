//! The registry of global terms: one line here and one file beside it for each.

use serde::{Deserialize, Serialize};

macro_rules! global_terms {
    ($($module:ident => $name:ident, $doc:literal;)*) => {
        /// A global term on the pooled features of two views.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case", deny_unknown_fields)]
        pub enum Config {
            $(#[doc = $doc] $name(super::$module::Config),)*
        }
    };
}

global_terms! {
    nt_xent => NtXent, "Contrastive with in-batch negatives (SimCLR, ViC-MAE).";
    vicreg => Vicreg, "Variance, invariance and covariance (VICReg).";
    sim_siam => SimSiam, "Predictor and stop-gradient (SimSiam).";
    barlow_twins => BarlowTwins, "Cross-correlation towards the identity (Barlow Twins).";
    byol => Byol, "Predictor against a moving-average teacher (BYOL).";
}
