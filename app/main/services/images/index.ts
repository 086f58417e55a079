export { ImageBuilds } from "./image-builds.ts";
export { type BuildState, type BuiltImage, type ImageRequest, ImageService } from "./image-service.ts";
export { imageSource } from "./image-source.ts";
