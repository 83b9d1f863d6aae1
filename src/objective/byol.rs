//! BYOL: predict what a moving average of the network says of the other view.

use super::global::{GlobalTerm, Inputs, Terms};
use crate::model::Encoder;
use crate::model::Head;
use crate::model::Init;
use crate::model::Precision;
use crate::model::Style;
use crate::model::state;
use burn::module::Module;
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

/// BYOL.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Widths of the projector's layers.
    pub projector: Vec<usize>,
    /// Hidden width of the predictor.
    pub predictor: usize,
    /// Momentum of the teacher at the start; it rises to 1 along half a cosine.
    pub momentum: f64,
}

impl Default for Config {
    fn default() -> Self {
        Config { projector: vec![4096, 256], predictor: 4096, momentum: 0.996 }
    }
}

/// The term with its projector, its predictor and the teacher.
#[derive(Module, Debug)]
pub struct Byol {
    projector: Head,
    predictor: Head,
    teacher_projector: Head,
    /// Made from the encoder when training begins.
    teacher: Option<Encoder>,
    momentum: f64,
}

impl GlobalTerm for Byol {
    type Config = Config;

    fn new(config: &Config, init: &Init<'_>, width: usize, precision: Precision) -> Self {
        let end = *config.projector.last().unwrap_or(&width);
        let projector = || Head::new(&init.part("projector"), width, &config.projector, Style::BareEnd, precision);
        let predictor = Head::new(&init.part("predictor"), end, &[config.predictor, end], Style::BiasedEnd, precision);
        // The teacher's projector is drawn from the same stream, so it starts equal to the student's.
        let (projector, teacher_projector) = (projector(), projector().no_grad());
        Byol { projector, predictor, teacher_projector, teacher: None, momentum: config.momentum }
    }

    fn start(&mut self, encoder: &Encoder) {
        self.teacher = Some(encoder.clone().no_grad());
    }

    fn loss(&self, inputs: Inputs<'_>) -> Terms {
        let Some(teacher) = &self.teacher else {
            unreachable!("`start` makes the teacher before the first loss");
        };
        let predictions = inputs.features.map(|features| self.predictor.forward(self.projector.forward(features)));
        let targets = inputs.views.map(|view| {
            let tokens = teacher.forward(view.patches.clone(), view.mask).detach();
            self.teacher_projector.forward(inputs.pooling.forward(tokens)).detach()
        });
        Terms::of(loss(predictions, targets))
    }

    fn after_step(&mut self, encoder: &Encoder, progress: f64) {
        let momentum = 1.0 - (1.0 - self.momentum) * ((std::f64::consts::PI * progress).cos() + 1.0) / 2.0;
        self.teacher = self.teacher.take().map(|teacher| state::average(teacher, encoder, momentum));
        self.teacher_projector = state::average(self.teacher_projector.clone(), &self.projector, momentum);
    }
}

/// `(2 - 2 cos(p1, sg(k2))) + (2 - 2 cos(p2, sg(k1)))`, means over the batch; in `[0, 8]`. `sg` stops the gradient.
pub fn loss(predictions: [Tensor<2>; 2], targets: [Tensor<2>; 2]) -> Tensor<1> {
    super::sim_siam::loss(predictions, targets) * 4.0 + 4.0
}
