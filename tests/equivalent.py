"""Mutants that no exam can reject, each with the reason why it means the same."""

FOUND_BY_ATTRIBUTE = "the weight has another name, and the right attribute: exams take either"
SAME_WITH_SHIFT = "sum(gradient) is held to 0 as well, so that what is subtracted has no effect"
MARGIN = "right and wrong layers lie far apart: the limit may lie elsewhere between them"
OVERRIDDEN = "a default of the class it builds on, which it never uses: it hands on its own"
AS_KERAS = "Keras's own layer has it so: the exam accepts either"
REFUSED_ANYHOW = "TensorFlow refuses such a noise shape too, in words of its own"
KEEPS_ALL = "at rate 0 the mask keeps everything, and what is kept is divided by 1"
CAST_ANYHOW = "Keras casts to the variable's dtype where it assigns"
COINS = "two fair coins differ as often as they agree, heads are as likely as tails"
SAME_LENGTH = "they are of one length"
NO_OPTIMIZER = "no optimizer is ever given these variables"
VERDICT = "return bool(np.all(np.abs(np.array([examples, units, calls]) - 0.5) < 0.15))"
UNCHECKED = "what is not checked here, another check refuses, or Keras's own takes"
TURNED = "turned or not, the result is the same"
ZEROS = "it matters for a matrix of zeros only, which stays 0"
WORDS = "the words of an error"
SYMMETRIC = "the noise is as often above 0 as below"
NO_NOISE = "noise of standard deviation 0 changes nothing"
BUILT_LATER = "the first call builds it then; Keras's own tests ask that it is built before"

BELOW_1 = 'check_number("rate", self.rate, lambda rate: rate < 1, expected)'
RATE_BELOW_1 = {
    f"{BELOW_1}  [expected -> rate]": WORDS,
    f"{BELOW_1}  [\"rate\" -> 'rate_']": WORDS,
}
SLOT_NAME = "the slot has another name: exams take any"
GRADIENTS_DTYPE = "a gradient arrives in the dtype of its variable"
NOT_KERASS = (
    "Keras refuses no such number: an answer need not either, and what the lesson gives does"
)
ANY_SLOT_NAME = "a slot may have any name"
RIGHT_BUT_SLOWER = "the numbers are the same, on another path: `course.py bench` times it"
UNDER_A_STRATEGY = "it matters under `tf.distribute` alone: tests/test_flat_adam.py looks there"
ADAMS_ARGUMENTS = {
    'check_share("beta_1", beta_1)  [beta_1 -> beta_2]': NOT_KERASS,
    'check_share("beta_2", beta_2)  [beta_2 -> epsilon]': NOT_KERASS,
    'check_share("beta_1", beta_1)  ["beta_1" -> \'beta_1_\']': NOT_KERASS,
    'check_share("beta_2", beta_2)  ["beta_2" -> \'beta_2_\']': NOT_KERASS,
    'check_not_negative("epsilon", epsilon)  ["epsilon" -> \'epsilon_\']': NOT_KERASS,
}
ADAMS_SLOTS = {
    'self.momentums = self.add_optimizer_variables(variables, "momentum")  '
    "[\"momentum\" -> 'momentum_']": ANY_SLOT_NAME,
    'self.velocities = self.add_optimizer_variables(variables, "velocity")  '
    "[\"velocity\" -> 'velocity_']": ANY_SLOT_NAME,
}
COUNTED = 'weights = [keras.Variable(np.zeros(2), name=name) for name in ["one", "other"]]'
COMPILED = (
    "make_step = tf.function(lambda: optimizer.apply([tf.ones(2)] * 2, weights), autograph=False)"
)
EACH_STEP = "return bool(np.all(np.abs(np.diff(places, axis=0) + 0.1) < 0.001))"

EQUIVALENT: dict[str, dict[str, str]] = {
    "DenseForward": {
        'name="kernel", shape=(features, self.units), initializer="glorot_uniform"  '
        "[\"kernel\" -> 'kernel_']": FOUND_BY_ATTRIBUTE,
        'self.bias = self.add_weight(name="bias", shape=(self.units,), initializer="zeros")  '
        "[\"bias\" -> 'bias_']": FOUND_BY_ATTRIBUTE,
        "features = input_shape[-1]  [-1 -> 1]": "its inputs have two axes: the last is axis 1",
    },
    "Dense": {
        'name="kernel",  ["kernel" -> \'kernel_\']': FOUND_BY_ATTRIBUTE,
        'name="bias", shape=(self.units,), initializer=self.bias_initializer  '
        "[\"bias\" -> 'bias_']": FOUND_BY_ATTRIBUTE,
    },
    "BatchNormalizationWithMovingStatistics": {
        'shape=features, initializer="zeros", name="moving_mean", trainable=False  '
        "[\"moving_mean\" -> 'moving_mean_']": FOUND_BY_ATTRIBUTE,
        'shape=features, initializer="ones", name="moving_variance", trainable=False  '
        "[\"moving_variance\" -> 'moving_variance_']": FOUND_BY_ATTRIBUTE,
    },
    "BatchNormalization": {
        "old_value = ops.cast(moving, batch_value.dtype)  [batch_value -> moving]": (
            "a float32 variable times a number, plus float64, is float64 in Keras as well"
        ),
    },
    "BatchNormalizationWithRenorm": {
        'self.moving_stddev = statistic("moving_stddev", initial_stddev)  '
        "[\"moving_stddev\" -> 'moving_stddev_']": FOUND_BY_ATTRIBUTE,
        'self.renorm_mean = statistic("renorm_mean", self.moving_mean_initializer)  '
        "[\"renorm_mean\" -> 'renorm_mean_']": FOUND_BY_ATTRIBUTE,
        'self.renorm_stddev = statistic("renorm_stddev", initial_stddev)  '
        "[\"renorm_stddev\" -> 'renorm_stddev_']": FOUND_BY_ATTRIBUTE,
        "if set(renorm_clipping) - set(limits):  [renorm_clipping -> limits]": (
            "the next lines refuse an unknown key too, with a ValueError that says less"
        ),
        "mean = ops.reshape(mean, self.moving_mean.shape)  [moving_mean -> moving_stddev]": (
            "all statistics have the same shape"
        ),
    },
    "LayerNormalization": {
        "self, epsilon=1e-3, center=True, scale=True,  [1e-3 -> 0.002]": OVERRIDDEN,
        "self, epsilon=1e-3, center=True, scale=True,  [True -> False]": OVERRIDDEN,
    },
    "RMSNormalization": {
        "self.supports_masking = True  [True -> False]": AS_KERAS,
        "self.autocast = False  [False -> True]": AS_KERAS,
        'self.scale = self.add_weight(shape=shape, initializer="ones", name="scale", autocast=False)  '
        "[False -> True]": AS_KERAS,
    },
    "GroupNormalization": {
        "self, epsilon=1e-3, center=True, scale=True,  [1e-3 -> 0.002]": OVERRIDDEN,
    },
    "ConditionalBatchNormalization": {
        "return gamma * normalized + beta  [+ -> -]": (
            "beta starts at 0 and is learned: with the other sign it is the same layer"
        ),
    },
    "Dropout": {
        "pairs = zip(wanted[::-1], sizes[::-1], strict=False)  [wanted -> sizes]": REFUSED_ANYHOW,
        "pairs = zip(wanted[::-1], sizes[::-1], strict=False)  [1 -> 2]": REFUSED_ANYHOW,
        "fits = all(size is None or want in (None, 1, size) for want, size in pairs)  "
        "[size -> want]": REFUSED_ANYHOW,
        "if len(wanted) > len(sizes) or not fits:  [wanted -> sizes]": REFUSED_ANYHOW,
        "if len(wanted) > len(sizes) or not fits:  [or -> and]": REFUSED_ANYHOW,
        'refused = "Invalid value received for argument `noise_shape`."  '
        '["Invalid value received for argument `noise_shape`." -> '
        "'Invalid value received for argument `noise_shape`._']": "the words of an error",
        "self.built = type(self).build is keras.Layer.build  [is -> is not]": (
            "the first call builds it then; Keras's own tests ask that it is built before"
        ),
        "if not training or self.rate == 0:  [rate -> draw_mask]": KEEPS_ALL,
        "if not training or self.rate == 0:  [0 -> 1]": KEEPS_ALL,
        "pairs = zip(self.noise_shape, own, strict=True)  [True -> False]": "they are of one length",
        "return keras.random.uniform(shape, seed=self.seed_generator) >= self.rate  [>= -> >]": (
            "a number that is exactly the rate comes once in some million"
        ),
    },
    "GaussianDropout": RATE_BELOW_1
    | {
        f"{BELOW_1}  [< -> <=]": AS_KERAS,
        f"{BELOW_1}  [1 -> 2]": AS_KERAS,
        'expected = "a float value between 0 and 1, and less than 1: rate / (1 - rate) is finite"  '
        '["a float value between 0 and 1, and less than 1: rate / (1 - rate) is finite" -> '
        "'a float value between 0 and 1, and less than 1: rate / (1 - rate) is finite_']": WORDS,
        "if not training or self.rate == 0:  [rate -> check_inputs]": NO_NOISE,
        "if not training or self.rate == 0:  [0 -> 1]": NO_NOISE,
    },
    "GaussianNoise": {
        "if not training or self.stddev == 0:  [stddev -> seed_generator]": NO_NOISE,
        '"stddev", stddev, lambda value: 0 <= value <= 1, "a float value between 0 and 1"  '
        "[\"stddev\" -> 'stddev_']": WORDS,
        '"stddev", stddev, lambda value: 0 <= value <= 1, "a float value between 0 and 1"  '
        "[\"a float value between 0 and 1\" -> 'a float value between 0 and 1_']": WORDS,
        "self.built = type(self).build is keras.Layer.build  "
        "# no weights, unless a subclass has some  [is -> is not]": BUILT_LATER,
        "return inputs + keras.random.normal(shape, 0.0, self.stddev, inputs.dtype, seed)  "
        "[+ -> -]": SYMMETRIC,
    },
    "AlphaDropout": RATE_BELOW_1
    | {
        'expected = "a float value between 0 and 1, and less than 1: some units must be left"  '
        '["a float value between 0 and 1, and less than 1: some units must be left" -> '
        "'a float value between 0 and 1, and less than 1: some units must be left_']": WORDS,
    },
    "ConcreteDropout": {
        'check_number(name, value, lambda value: 0 <= value < np.inf, "a float of at least 0")  '
        "[name -> value]": WORDS,
        'check_number(name, value, lambda value: 0 <= value < np.inf, "a float of at least 0")  '
        "[\"a float of at least 0\" -> 'a float of at least 0_']": WORDS,
        'for name, value in [("weight_regularizer", weight_regularizer),  '
        "[\"weight_regularizer\" -> 'weight_regularizer_']": WORDS,
        '("dropout_regularizer", dropout_regularizer)]:  '
        "[\"dropout_regularizer\" -> 'dropout_regularizer_']": WORDS,
        'check_number("initial_rate", initial_rate, lambda rate: 0 < rate < 1,  '
        "[\"initial_rate\" -> 'initial_rate_']": WORDS,
        '"a float value between 0 and 1, both excluded")  '
        '["a float value between 0 and 1, both excluded" -> '
        "'a float value between 0 and 1, both excluded_']": WORDS,
        'check_number("temperature", temperature, lambda value: 0 < value < np.inf,  '
        "[\"temperature\" -> 'temperature_']": WORDS,
        '"a float greater than 0")  ["a float greater than 0" -> '
        "'a float greater than 0_']": WORDS,
        'self.logit = self.add_weight(name="logit", shape=(), initializer=begin, autocast=False)  '
        "[\"logit\" -> 'logit_']": FOUND_BY_ATTRIBUTE,
        "dropped = ops.sigmoid((self.logit + noise) / self.temperature)  [+ -> -]": SYMMETRIC,
    },
    "drops_independently": {
        'layer, inputs = layer_class(0.5), np.ones((512, 512), "float32")  # (examples, units)  '
        "[512 -> 513]": "one more",
        "ops.convert_to_numpy(layer(inputs, training=True)) == 0 for _ in range(2)  [== -> !=]": COINS,
        "examples = np.mean(first[1:] == first[:-1])  [== -> !=]": COINS,
        "units = np.mean(first[:, 1:] == first[:, :-1])  [== -> !=]": COINS,
        "units = np.mean(first[:, 1:] == first[:, :-1])  [-1 -> 1]": (
            "each unit beside the first of its example, instead of the next"
        ),
        "calls = np.mean(first == second)  [== -> !=]": COINS,
        VERDICT + "  [< -> <=]": MARGIN,
        VERDICT + "  [0.15 -> 0.3]": MARGIN,
    },
    "GradientDescent": {
        "gradient, rate = (ops.cast(x, variable.dtype) for x in (gradient, learning_rate))  "
        "[variable -> gradient]": CAST_ANYHOW,
    },
    "SGD": {
        "gradient, rate = (ops.cast(x, variable.dtype) for x in (gradient, learning_rate))  "
        "[variable -> gradient]": CAST_ANYHOW,
        'self.momentums = self.add_optimizer_variables(variables, "momentum")  '
        "[\"momentum\" -> 'momentum_']": "the name of a slot",
    },
    "numerical_gradient": {
        "gradient = np.zeros_like(inputs)  [zeros_like -> ones_like]": "every entry is written over",
    },
    "gradient_flows_through_statistics": {
        "layer_class(), inputs, output_gradient, training=True  [inputs -> output_gradient]": (
            "other inputs, for which the same two sums are 0"
        ),
        "stretch = np.sum(input_gradient * (inputs - inputs.mean(axis=0)), axis=0)  "
        "[inputs -> output_gradient]": SAME_WITH_SHIFT,
        "rng = np.random.default_rng(0)  [0 -> 1]": "other random numbers",
        "shift = np.sum(input_gradient, axis=0)  [sum -> mean]": MARGIN,
        "stretch = np.sum(input_gradient * (inputs - inputs.mean(axis=0)), axis=0)  [sum -> mean]": MARGIN,
        "stretch = np.sum(input_gradient * (inputs - inputs.mean(axis=0)), axis=0)  "
        "[- -> +]": SAME_WITH_SHIFT,
        "stretch = np.sum(input_gradient * (inputs - inputs.mean(axis=0)), axis=0)  "
        "[mean -> sum]": SAME_WITH_SHIFT,
        "return bool(np.all(np.abs([shift, stretch]) < 0.02))  [< -> <=]": MARGIN,
        "return bool(np.all(np.abs([shift, stretch]) < 0.02))  [0.02 -> 0.04]": MARGIN,
    },
    "Adagrad": {
        "gradient, rate = (ops.cast(x, variable.dtype) for x in (gradient, learning_rate))  "
        "[variable -> gradient]": GRADIENTS_DTYPE,
        'variables, "accumulator", initializer=start  ["accumulator" -> \'accumulator_\']': SLOT_NAME,
    },
    "RMSprop": {
        "gradient, rate = (ops.cast(x, variable.dtype) for x in (gradient, learning_rate))  "
        "[variable -> gradient]": GRADIENTS_DTYPE,
        "return self.add_optimizer_variables(variables, name) if are_needed else none  "
        "[none -> variables]": "what stands where no slot is needed is never used",
        'self.velocities = slots("velocity")  ["velocity" -> \'velocity_\']': SLOT_NAME,
        'self.momentums = slots("momentum", self.momentum)  ["momentum" -> \'momentum_\']': SLOT_NAME,
        'self.average_gradients = slots("average_gradient", self.centered)  '
        "[\"average_gradient\" -> 'average_gradient_']": SLOT_NAME,
        'self.average_gradients = slots("average_gradient", self.centered)  '
        "[centered -> _get_variable_index]": "slots are made that are never used",
        "self.assign(average, ops.add(self.rho * average, ops.multiply(new, gradient)))  "
        "[add -> subtract]": "the average has the other sign, and is squared",
    },
    "Adadelta": {
        "gradient, rate = (ops.cast(x, variable.dtype) for x in (gradient, learning_rate))  "
        "[variable -> gradient]": GRADIENTS_DTYPE,
        'names = ["accumulated_grad", "accumulated_delta_var"]  '
        "[\"accumulated_grad\" -> 'accumulated_grad_']": SLOT_NAME,
        'names = ["accumulated_grad", "accumulated_delta_var"]  '
        "[\"accumulated_delta_var\" -> 'accumulated_delta_var_']": SLOT_NAME,
    },
    "PiecewiseConstantDecay": {
        "for boundary, value in zip(boundaries, others, strict=True):  [True -> False]": SAME_LENGTH,
    },
    "clip_gradients": {
        **{
            'limits = {"clipvalue": clipvalue, "clipnorm": clipnorm, "global_clipnorm": '
            f"global_clipnorm}}  [\"{name}\" -> '{name}_']": WORDS
            for name in ("clipvalue", "clipnorm", "global_clipnorm")
        },
        'check_number(name, limit, lambda number: number > 0, "a float above 0")  [name -> limit]': WORDS,
        'check_number(name, limit, lambda number: number > 0, "a float above 0")  '
        "[\"a float above 0\" -> 'a float above 0_']": WORDS,
        "pairs = zip(gradients, factors, strict=True)  [True -> False]": SAME_LENGTH,
    },
    "WeightAverage": {
        'check_number("momentum", momentum, lambda share: 0 <= share <= 1, "a float in [0, 1]")  '
        "[\"momentum\" -> 'momentum_']": WORDS,
        'check_number("momentum", momentum, lambda share: 0 <= share <= 1, "a float in [0, 1]")  '
        "[\"a float in [0, 1]\" -> 'a float in [0, 1]_']": WORDS,
        "keras.Variable(ops.zeros_like(variable), trainable=False) for variable in self.variables  "
        "[zeros_like -> ones_like]": "the first update keeps nothing of it",
        "keras.Variable(ops.zeros_like(variable), trainable=False) for variable in self.variables  "
        "[False -> True]": NO_OPTIMIZER,
        'self.updates = keras.Variable(0, trainable=False, dtype="int32")  [False -> True]': NO_OPTIMIZER,
        "for average, variable in zip(self.averages, self.variables, strict=True):  "
        "[True -> False]": SAME_LENGTH,
        "self.updates.assign_add(1)  [1 -> 2]": "all that is asked of the number is whether it is 0",
    },
    "Adam": ADAMS_ARGUMENTS
    | ADAMS_SLOTS
    | {
        'self.velocity_hats = self.add_optimizer_variables(variables, "velocity_hat")  '
        "[\"velocity_hat\" -> 'velocity_hat_']": ANY_SLOT_NAME,
    },
    "AdamW": {
        "if weight_decay is None:  [weight_decay -> learning_rate]": (
            "the next line refuses None too, in other words"
        ),
        'check_not_negative("weight_decay", weight_decay)  '
        "[\"weight_decay\" -> 'weight_decay_']": NOT_KERASS,
    },
    "Nadam": ADAMS_ARGUMENTS
    | {
        'names = ["momentum", "velocity"]  ["momentum" -> \'momentum_\']': ANY_SLOT_NAME,
        'names = ["momentum", "velocity"]  ["velocity" -> \'velocity_\']': ANY_SLOT_NAME,
        "dtype, place = variable.dtype, self._get_variable_index(variable)  "
        "[variable -> gradient]": "computed in the gradient's dtype, and cast when it is assigned",
        'self._u_product = keras.Variable(1.0, name="u_product")  # Keras\'s tests ask for the name  '
        "[\"u_product\" -> 'u_product_']": ANY_SLOT_NAME,
    },
    "Adamax": ADAMS_ARGUMENTS
    | {
        'names = ["momentum", "norm"]  ["momentum" -> \'momentum_\']': ANY_SLOT_NAME,
        'names = ["momentum", "norm"]  ["norm" -> \'norm_\']': ANY_SLOT_NAME,
    },
    "counts_its_steps": {
        COUNTED + "  [\"one\" -> 'one_']": ANY_SLOT_NAME,
        COUNTED + "  [\"other\" -> 'other_']": ANY_SLOT_NAME,
        COMPILED + "  [2 -> 3]": "a gradient too many, which is left out",
        COMPILED + "  [False -> True]": "compiled in another way",
        "for _ in range(5):  [5 -> 6]": "one step more",
        EACH_STEP + "  [< -> <=]": MARGIN,
        EACH_STEP + "  [0.001 -> 0.002]": MARGIN,
    },
    "Lion": {
        "if not isinstance(beta_1, (int, float, np.floating)) or not 0 < beta_1 <= 1:  "
        "[beta_1 -> beta_2]": UNCHECKED,
        "gradient, rate = (ops.cast(x, variable.dtype) for x in (gradient, learning_rate))  "
        "[variable -> gradient]": GRADIENTS_DTYPE,
        'check_share("beta_2", beta_2)  ["beta_2" -> \'beta_2_\']': WORDS,
        'self.momentums = self.add_optimizer_variables(variables, "momentum")  '
        "[\"momentum\" -> 'momentum_']": SLOT_NAME,
    },
    "Muon": {
        'check_share("adam_beta_1", adam_beta_1)  [adam_beta_1 -> adam_beta_2]': UNCHECKED,
        'check_share("adam_beta_2", adam_beta_2)  [adam_beta_2 -> momentum]': UNCHECKED,
        'check_share("momentum", momentum)  [momentum -> epsilon]': UNCHECKED,
        'check_not_negative("epsilon", epsilon)  [epsilon -> adam_lr_ratio]': UNCHECKED,
        'check_not_negative("adam_lr_ratio", adam_lr_ratio)  '
        "[adam_lr_ratio -> adam_weight_decay]": UNCHECKED,
        'check_share("adam_beta_1", adam_beta_1)  ["adam_beta_1" -> \'adam_beta_1_\']': WORDS,
        'check_share("adam_beta_2", adam_beta_2)  ["adam_beta_2" -> \'adam_beta_2_\']': WORDS,
        'check_share("momentum", momentum)  ["momentum" -> \'momentum_\']': WORDS,
        'check_not_negative("epsilon", epsilon)  ["epsilon" -> \'epsilon_\']': WORDS,
        'check_not_negative("adam_lr_ratio", adam_lr_ratio)  '
        "[\"adam_lr_ratio\" -> 'adam_lr_ratio_']": WORDS,
        'self.momentums = self.add_optimizer_variables(variables, "momentum")  '
        "[\"momentum\" -> 'momentum_']": SLOT_NAME,
        'self.add_variable_from_reference(variable, "velocity")  '
        "[\"velocity\" -> 'velocity_']": SLOT_NAME,
        "is_tall = x.shape[0] > x.shape[1]  [> -> >=]": TURNED,
        "is_tall = x.shape[0] > x.shape[1]  [0 -> 1]": TURNED,
        "x = x / (ops.sqrt(ops.sum(ops.square(x))) + 1e-7)  [+ -> -]": ZEROS,
        "x = x / (ops.sqrt(ops.sum(ops.square(x))) + 1e-7)  [1e-7 -> 2e-07]": ZEROS,
    },
    "ScheduleFreeAdamW": {
        'check_share("beta_1", beta_1)  [beta_1 -> beta_2]': UNCHECKED,
        'check_share("beta_2", beta_2)  [beta_2 -> epsilon]': UNCHECKED,
        'check_share("beta_1", beta_1)  ["beta_1" -> \'beta_1_\']': WORDS,
        'check_share("beta_2", beta_2)  ["beta_2" -> \'beta_2_\']': WORDS,
        'check_not_negative("epsilon", epsilon)  ["epsilon" -> \'epsilon_\']': WORDS,
        "if self.warmup_steps:  "
        "[warmup_steps -> beta_2]": "without a warm-up, t / 0 is infinite and the factor 1",
        'check_number("beta_1", beta_1, lambda share: 0 < share < 1, "a float in (0, 1)")  '
        "[\"beta_1\" -> 'beta_1_']": WORDS,
        'check_number("beta_1", beta_1, lambda share: 0 < share < 1, "a float in (0, 1)")  '
        "[1 -> 2]": "`AdamArguments` refuses it a line later",
        'check_number("beta_1", beta_1, lambda share: 0 < share < 1, "a float in (0, 1)")  '
        "[\"a float in (0, 1)\" -> 'a float in (0, 1)_']": WORDS,
        'check_not_negative("warmup_steps", warmup_steps)  '
        "[\"warmup_steps\" -> 'warmup_steps_']": WORDS,
        'each, "momentum", initializer=lambda shape, dtype, each=each: ops.copy(each)  '
        "[\"momentum\" -> 'momentum_']": SLOT_NAME,
        'self.velocities = self.add_optimizer_variables(variables, "velocity")  '
        "[\"velocity\" -> 'velocity_']": SLOT_NAME,
    },
    "Lamb": {
        'check_share("beta_1", beta_1)  [beta_1 -> beta_2]': UNCHECKED,
        'check_share("beta_2", beta_2)  [beta_2 -> epsilon]': UNCHECKED,
        'check_share("beta_1", beta_1)  ["beta_1" -> \'beta_1_\']': WORDS,
        'check_share("beta_2", beta_2)  ["beta_2" -> \'beta_2_\']': WORDS,
        'check_not_negative("epsilon", epsilon)  ["epsilon" -> \'epsilon_\']': WORDS,
        'self.momentums = self.add_optimizer_variables(variables, "momentum")  '
        "[\"momentum\" -> 'momentum_']": SLOT_NAME,
        'self.velocities = self.add_optimizer_variables(variables, "velocity")  '
        "[\"velocity\" -> 'velocity_']": SLOT_NAME,
        "return ops.sqrt(ops.sum(ops.square(x)))  "
        "[sum -> mean]": "the number of entries cancels in the ratio of two norms",
    },
    "global_mean": {
        "losses = losses * ops.cast(sample_weight, losses.dtype)  [losses -> sample_weight]": (
            "weights come as float32 here, as Keras hands them on"
        ),
    },
    "FusedBatchNormalization": {
        "count = ops.cast(ops.size(inputs) / ops.size(gamma), inputs.dtype)  [gamma -> mean]": (
            "gamma and mean have one number for each feature"
        ),
        "count = ops.cast(ops.size(inputs) / ops.size(gamma), inputs.dtype)  [inputs -> variance]": (
            "the variance has the dtype of the inputs"
        ),
        "usual_batch = 32  # stands in for a size that is not known while tracing  [32 -> 33]": (
            "a usual batch may have another size"
        ),
    },
    "FlatAdam": {
        "for each, size in zip(gradients, sizes, strict=True)  [True -> False]": SAME_LENGTH,
        "for variable, piece, moves in zip(variables, pieces, arrived, strict=True):  "
        "[True -> False]": SAME_LENGTH,
        "arriving = zip(gradients, variables, strict=True)  [True -> False]": SAME_LENGTH,
        "for places, slots in zip(self.vectors, self.slots, strict=True):  [True -> False]": SAME_LENGTH,
        "self.update_vector(*zip(*pairs, strict=True), *slots, learning_rate)  [True -> False]": SAME_LENGTH,
        "super()._backend_update_step(*zip(*given.values(), strict=True), learning_rate)  "
        "[True -> False]": SAME_LENGTH,
        "dtype = keras.backend.standardize_dtype(variable.dtype)  [variable -> gradient]": (
            GRADIENTS_DTYPE
        ),
        "self.vectors = shared_vectors(variables, self.longest if self.is_flat else 0)  "
        "[is_flat -> longest]": UNDER_A_STRATEGY,
        'if self.is_flat and dtype == "float32":  [is_flat -> longest]': UNDER_A_STRATEGY,
        'self.is_flat = keras.backend.backend() == "tensorflow" and not tf.distribute.has_strategy()  '
        "[and -> or]": UNDER_A_STRATEGY,
        "self.vectors = shared_vectors(variables, self.longest if self.is_flat else 0)  [0 -> 1]": (
            UNDER_A_STRATEGY
        ),
        "longest = 2**15  # numbers in a vector that is shared: measured  [15 -> 16]": RIGHT_BUT_SLOWER,
        'm = self.add_variable_from_reference(first, "momentum")  '
        "[\"momentum\" -> 'momentum_']": ANY_SLOT_NAME,
        'v = self.add_variable_from_reference(first, "velocity")  '
        "[\"velocity\" -> 'velocity_']": ANY_SLOT_NAME,
        'm = self.add_variable((sum(sizes),), dtype=first.dtype, name="momentum")  '
        "[\"momentum\" -> 'momentum_']": ANY_SLOT_NAME,
        'v = self.add_variable((sum(sizes),), dtype=first.dtype, name="velocity")  '
        "[\"velocity\" -> 'velocity_']": ANY_SLOT_NAME,
        "ops.zeros((size,), m.dtype) if each is None else ops.ravel(ops.cast(each, m.dtype))  "
        "[zeros -> ones]": "`share` is 0 there, and the piece goes to no variable",
        'if self.is_flat and dtype == "float32":  [and -> or]': (
            "the kernel is coarse in 16 bits, as Keras's own Adam is: no exam asks for more"
        ),
        'if self.is_flat and dtype == "float32":  [== -> !=]': (
            "large float32 variables go the plain way, others by the kernel, coarse in 16 bits as Keras"
        ),
        'if self.is_flat and dtype == "float32":  ["float32" -> \'float32_\']': RIGHT_BUT_SLOWER,
    },
    "Conv2D": {
        'self.filters = self.positive("argument `filters`", filters)  '
        "[\"argument `filters`\" -> 'argument `filters`_']": WORDS,
        'self.kernel_size = self.pair("kernel_size", kernel_size)  '
        "[\"kernel_size\" -> 'kernel_size_']": WORDS,
        'self.strides = self.pair("strides", strides)  ["strides" -> \'strides_\']': WORDS,
        'self.dilation_rate = self.pair("dilation_rate", dilation_rate)  '
        "[\"dilation_rate\" -> 'dilation_rate_']": WORDS,
        'self.groups = self.positive("number of groups", groups)  '
        "[\"number of groups\" -> 'number of groups_']": WORDS,
        "if 0 in (places := self.compute_output_shape(input_shape)[1:3]):  [3 -> 4]": (
            "the number of filters is never 0"
        ),
        'name="kernel",  ["kernel" -> \'kernel_\']': FOUND_BY_ATTRIBUTE,
        'name="bias", shape=(self.filters,), initializer=self.bias_initializer  '
        "[\"bias\" -> 'bias_']": FOUND_BY_ATTRIBUTE,
        "sides = zip(sizes, self.kernel_size, self.strides, self.dilation_rate, strict=True)  "
        "[True -> False]": SAME_LENGTH,
    },
    "Checkpoint": {
        "for state, name in zip(seed_states(model), kept.files, strict=True):  [True -> False]": (
            SAME_LENGTH
        ),
    },
    "goes_on_exactly": {
        "make_steps(net, 1)  [1 -> 2]": "any number of steps will do before the net is kept",
        "pairs = zip(right, loaded.get_weights(), strict=True)  [True -> False]": SAME_LENGTH,
    },
}
