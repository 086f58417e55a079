/** Which keys this system has. */
export const isMac: boolean = /mac/i.test(navigator.platform);
