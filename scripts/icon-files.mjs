// Windows' and macOS' icon files: containers of PNG pictures, one a size.

/** Edges in pixels of the pictures in each kind of file; Linux has a file for each. */
export const LINUX_SIZES = [16, 32, 48, 64, 128, 256, 512];
export const ICO_SIZES = [16, 24, 32, 48, 64, 128, 256];
export const ICNS_SIZES = [16, 32, 64, 128, 256, 512, 1024];

// macOS names a picture by its size on the screen; those twice as dense ("retina") have names of their own.
const ICNS_TYPES = /** @type {const} */ ({
  icp4: 16,
  icp5: 32,
  ic11: 32,
  ic12: 64,
  ic07: 128,
  ic13: 256,
  ic08: 256,
  ic14: 512,
  ic09: 512,
  ic10: 1024,
});

/**
 * @param {ReadonlyMap<number, Buffer>} pictures Edge in pixels -> PNG.
 * @returns {Buffer} An .ico file.
 */
export function ico(pictures) {
  const images = ICO_SIZES.map((size) => ({ size, png: picture(pictures, size) }));
  const header = Buffer.alloc(6 + 16 * images.length);
  header.writeUInt16LE(1, 2);
  header.writeUInt16LE(images.length, 4);
  let offset = header.length;
  images.forEach(({ size, png }, index) => {
    const entry = 6 + 16 * index;
    // One byte an edge: 0 stands for 256.
    header.writeUInt8(size % 256, entry);
    header.writeUInt8(size % 256, entry + 1);
    header.writeUInt16LE(1, entry + 4);
    header.writeUInt16LE(32, entry + 6);
    header.writeUInt32LE(png.length, entry + 8);
    header.writeUInt32LE(offset, entry + 12);
    offset += png.length;
  });
  return Buffer.concat([header, ...images.map(({ png }) => png)]);
}

/**
 * @param {ReadonlyMap<number, Buffer>} pictures Edge in pixels -> PNG.
 * @returns {Buffer} An .icns file.
 */
export function icns(pictures) {
  const images = Object.entries(ICNS_TYPES).map(([type, size]) => block(type, picture(pictures, size)));
  return block("icns", Buffer.concat(images));
}

/**
 * @param {string} type Four letters.
 * @param {Buffer} content
 */
function block(type, content) {
  const header = Buffer.alloc(8, type, "ascii");
  header.writeUInt32BE(header.length + content.length, 4);
  return Buffer.concat([header, content]);
}

/**
 * @param {ReadonlyMap<number, Buffer>} pictures
 * @param {number} size
 */
function picture(pictures, size) {
  const png = pictures.get(size);
  if (png === undefined) throw new Error(`There is no picture of ${size} pixels.`);
  return png;
}
