"""Recorded episodes as pictures: geoms are ray-cast in NumPy, without OpenGL; pictures become characters.

No Textual here: the screen, the videos and the tests use the same functions.

    camera    where one looks from: rays and projection
    shapes    where rays meet MuJoCo's primitive shapes
    render    geoms and ground as a picture, shaded
    look      what the onlooker chooses: camera and marks
    scene     a MuJoCo model posed as recorded, as geoms and a camera
    replay    any recording, frame by frame, as pictures
    cells     a picture as quadrant characters in two colours each
    player    which frame to show at what time
    film, gl  a recording as an MP4 file, in a process of its own; whether OpenGL works
"""
