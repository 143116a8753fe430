"""What every room with child processes shares: frames over a pipe, and a supervised process at its end.

    parent                                   child
    Supervisor(command, on_frame, on_end)    take_pipes(), lower_priority()
    send(header) -> pipe.write_frame  ====>  pipe.read_frame
    on_frame(…) <- pipe.read_frame    <====  pipe.write_frame

Nothing here knows what the child computes.
"""
