/** Every outside address the product uses, in one place; `npm run check` refuses them anywhere else. */

/** PyTorch's builds without CUDA for Linux. PyPI's own Linux build brings gigabytes of CUDA libraries. */
export const PYTORCH_CPU_INDEX = "https://download.pytorch.org/whl/cpu";

/** The validator's public repository; fetched only when the user asks for it. */
export const PRODUCTION_REPOSITORY = "https://github.com/one-covenant/crusades";

/** Where models, tokenizers and data sets come from, and where licences are accepted. */
export const HUGGING_FACE = "https://huggingface.co";

/** Hosts whose https links the desktop window hands to the system's browser; it refuses all others. */
export const EXTERNAL_LINK_HOSTS: readonly string[] = [
  "github.com",
  "docs.pytorch.org",
  "docs.learnbittensor.org",
  "huggingface.co",
];

/** Gists: where people see one, and where its text comes from. */
export const GIST_HOST = "gist.github.com";
export const GIST_RAW_HOST = "gist.githubusercontent.com";

/** Publishes gists, with the user's token. */
export const GITHUB_API = "https://api.github.com";

/** Where a person makes such a token: it may write gists and do nothing else. */
export const GITHUB_NEW_TOKEN_PAGE = "https://github.com/settings/tokens/new?scopes=gist&description=Crusader";

/** A chain of one's own, as its makers publish it; fetched only when the user asks for it. */
export const LOCALNET_IMAGE = "ghcr.io/opentensor/subtensor-localnet:devnet-ready";

/** Nodes of the public networks, as Bittensor's own programs name them. */
export const FINNEY_ENDPOINT = "wss://entrypoint-finney.opentensor.ai:443";
export const TEST_ENDPOINT = "wss://test.finney.opentensor.ai:443";
