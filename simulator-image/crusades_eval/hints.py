"""What to do about a failure, by the validator's code. Our own words; one or two sentences each."""

from __future__ import annotations

HINTS = {
    "insufficient_trainable_params": "Leave requires_grad of every parameter True; freeze nothing.",
    "missing_logits": "Return the last step's logits as final_logits.",
    "invalid_logits_shape": "final_logits is the last forward pass's full output: batch x (seq_len - 1) x vocabulary.",
    "sequence_truncation": "Train on whole sequences: inputs are batch[:, :-1], labels batch[:, 1:].",
    "insufficient_mfu": "Look for time outside of matrix products first: a profile of one step shows where it goes.",
    "implausible_mfu": "No honest run is this fast; look for work that is skipped inside the timed call.",
    "timer_tampering": "Leave clocks, CUDA events and torch's functions alone, and finish all work before returning.",
    "timer_source_unavailable": "The timed run needs CUDA events; torch.cuda.Event must stay usable.",
    "config_tampering": "Pass options such as use_cache to the forward call and leave model.config as it is.",
    "deferred_computation": "Gather final_state before inner_steps returns, as plain CPU tensors.",
    "functional_tampering": "Call your own loss function by its own name; torch's stays in place.",
    "execution_failed": "Restore every torch.backends setting and the float32 matmul precision before returning.",
    "missing_final_state": "Return the full state dict on the CPU as final_state (on rank 0).",
    "incomplete_final_state": "Gather the full, unsharded state dict under the model's original parameter names.",
    "invalid_final_state_shape": "Gather full tensors: a shard or a padded flat parameter has another shape.",
    "insufficient_params_changed": "Every layer must be trained; check that the optimizer holds all parameters.",
    "token_count_mismatch": "Count batch.numel() of every batch this rank draws, over all steps.",
    "loss_mismatch": "Return the last step's mean cross entropy over all tokens, as a float.",
    "weight_nan_injection": "A parameter became NaN or infinite; check the learning rate and the precision.",
    "weight_mismatch": "Compare optimizer settings (AdamW, lr 1e-4, weight decay 0.1, betas 0.9/0.95), the number "
    "of steps, the batches and the gradient averaging with the reference.",
}
